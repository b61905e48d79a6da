package inrepo

import (
	"container/list"
	"sync"
)

// keep is how many answers are kept of each kind.
const keep = 200

// lru keeps the newest used answers. Its zero value is ready.
type lru[K comparable, V any] struct {
	mu    sync.Mutex
	order *list.List // of entry, newest used first
	at    map[K]*list.Element
}

type entry[K comparable, V any] struct {
	key   K
	value V
}

func (c *lru[K, V]) get(k K) (v V, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.at[k]
	if !ok {
		return v, false
	}
	c.order.MoveToFront(e)
	return e.Value.(entry[K, V]).value, true
}

func (c *lru[K, V]) put(k K, v V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.order == nil {
		c.order, c.at = list.New(), map[K]*list.Element{}
	}
	if e, ok := c.at[k]; ok {
		e.Value = entry[K, V]{k, v}
		c.order.MoveToFront(e)
		return
	}
	c.at[k] = c.order.PushFront(entry[K, V]{k, v})
	for c.order.Len() > keep {
		last := c.order.Back()
		c.order.Remove(last)
		delete(c.at, last.Value.(entry[K, V]).key)
	}
}
