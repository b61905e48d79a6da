// What makes pages live: they come whole from the server and can be read without
// this. It looks again when the server says so and changes what differs, in
// place; it keeps times running, listens to keys, and shows logs.
'use strict';
document.documentElement.classList.add('js');
const $ = (q, at) => (at || document).querySelector(q);
const $$ = (q, at) => [...(at || document).querySelectorAll(q)];

// --- Looking again -------------------------------------------------------

// morph makes the element a like b without replacing what stays the same.
// Elements are the same if their ids are, or if they stand in the same place.
function morph(a, b) {
  if (a.nodeType !== b.nodeType || a.nodeName !== b.nodeName) { a.replaceWith(b.cloneNode(true)); return; }
  if (a.nodeType !== 1) { if (a.data !== b.data) a.data = b.data; return; }
  if (a.hasAttribute('data-keep') || a === document.activeElement && a.matches('input,select')) return;
  for (const at of [...a.attributes]) if (!b.hasAttribute(at.name) && at.name !== 'open') a.removeAttribute(at.name);
  for (const at of [...b.attributes]) if (a.getAttribute(at.name) !== at.value && at.name !== 'open' && at.name !== 'value') {
    if (at.name === 'class' && a.classList.contains('cur')) { a.className = at.value + ' cur'; continue; }
    a.setAttribute(at.name, at.value);
  }
  const byId = new Map();
  for (const c of a.children) if (c.id) byId.set(c.id, c);
  let old = a.firstChild;
  for (const want of [...b.childNodes]) {
    const same = want.id && byId.get(want.id);
    if (same) {
      if (same !== old) a.insertBefore(same, old); else old = old.nextSibling;
      morph(same, want);
    } else if (old && !(old.id && b.querySelector('#' + CSS.escape(old.id))) && old.nodeName === want.nodeName && (old.id || '') === (want.id || '')) {
      const next = old.nextSibling;
      morph(old, want);
      old = next;
    } else {
      a.insertBefore(want.cloneNode(true), old);
    }
  }
  while (old) { const next = old.nextSibling; old.remove(); old = next; }
}

let skew = 0, etag = '', looking = false, again = false, last = 0;
async function look() {
  if (looking) { again = true; return; }
  looking = true; again = false;
  try {
    const u = new URL(location.href);
    u.hash = '';
    u.searchParams.delete('did');
    const r = await fetch(u, { headers: etag ? { 'If-None-Match': etag } : {}, cache: 'no-store' });
    if (r.status === 200) {
      etag = r.headers.get('ETag') || '';
      const page = new DOMParser().parseFromString(await r.text(), 'text/html');
      morph($('main'), page.querySelector('main'));
      const stale = $('#stale'), now = page.querySelector('#stale');
      if (stale && !now) stale.remove();
      if (now && !stale) $('#notes').prepend(now);
      if (document.title !== page.title) {
        document.title = page.title;
        $('#notice')?.remove(); // it told of a state that has passed
      }
      tick();
    }
    connected(true);
  } catch (e) { connected(false); }
  last = Date.now();
  looking = false;
  if (again) soon();
}
let planned = 0;
function soon() {
  if (document.hidden) { again = true; return; }
  if (!planned) planned = setTimeout(() => { planned = 0; look(); }, Math.max(150, 700 - (Date.now() - last)));
}
function connected(yes) {
  const note = $('#lost');
  if (yes && note) note.remove();
  if (!yes && !note) $('#notes').insertAdjacentHTML('beforeend', '<p class="banner" id="lost">The connection is lost. What you see is from before; it is tried again by itself.</p>');
}
const topic = document.body.dataset.live;
if (topic) {
  const open = () => {
    const es = new EventSource('/api/v1/events?on=' + encodeURIComponent(topic));
    es.addEventListener('change', soon);
    es.addEventListener('time', e => { skew = Date.parse(e.data) - Date.now(); tick(); });
    es.onopen = () => { connected(true); soon(); };
    es.onerror = () => {
      connected(false);
      if (es.readyState === 2) setTimeout(open, 3000);
    };
    addEventListener('pagehide', () => es.close(), { once: true });
  };
  addEventListener('pageshow', open);
  document.addEventListener('visibilitychange', () => { if (!document.hidden && again) soon(); });
}

// --- Times ---------------------------------------------------------------

function length(s) {
  if (s < 60) return Math.floor(s) + ' s';
  if (s < 3600) return Math.floor(s / 60) + ' min ' + Math.floor(s % 60) + ' s';
  return Math.floor(s / 3600) + ' h ' + Math.floor(s % 3600 / 60) + ' min';
}
function ago(s) {
  if (s < -5) return 'in ' + length(-s);
  if (s < 5) return 'just now';
  if (s < 60) return Math.floor(s) + ' s ago';
  if (s < 5400) return Math.floor(s / 60) + ' min ago';
  if (s < 172800) return Math.round(s / 3600) + ' h ago';
  return '';
}
function set(el, text) { if (text && el.textContent !== text) el.textContent = text; }
// skew is how far the server's clock is ahead of this one.
function tick() {
  const now = Date.now() + skew;
  for (const t of $$('time')) set(t, ago((now - Date.parse(t.dateTime)) / 1000));
  for (const t of $$('[data-since]')) set(t, length(Math.max(0, (now - Date.parse(t.dataset.since)) / 1000)));
}
setInterval(tick, 1000);

// --- Keys ----------------------------------------------------------------

let chord = '', slash = false;
function move(by) {
  const rows = $$('.row').filter(r => r.offsetParent !== null);
  if (!rows.length) return;
  let i = rows.findIndex(r => r.classList.contains('cur'));
  i = i < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, i + by));
  rows.forEach(r => r.classList.remove('cur'));
  rows[i].classList.add('cur');
  const a = $('a.open', rows[i]) || $('a', rows[i]);
  if (a) a.focus({ preventScroll: true });
  rows[i].scrollIntoView({ block: 'nearest' });
}
document.addEventListener('keydown', e => {
  if (e.key === 'Escape' && e.target.matches('input')) { e.target.blur(); return; }
  if (e.ctrlKey || e.metaKey || e.altKey || e.target.closest('input,select,textarea,dialog[open]')) return;
  const k = chord + e.key;
  chord = '';
  const go = { gh: '/', gj: '/jobs', gq: '/tide', gd: '/deliveries', gs: '/system' }[k];
  if (go) { location.href = go; return; }
  switch (k) {
    case 'g': chord = 'g'; setTimeout(() => { chord = ''; }, 1200); return;
    case '/': slash = true; break;
    case 'j': move(1); break;
    case 'k': move(-1); break;
    case '?': $('#help').showModal(); break;
    case 'n': if (!viewer) return; viewer.step(1); break;
    case 'N': if (!viewer) return; viewer.step(-1); break;
    case 'f': if (!viewer) return; viewer.toggle(); break;
    default: return;
  }
  e.preventDefault();
});
// The search box takes the focus when the key is let go, or the stroke would end in it.
document.addEventListener('keyup', () => {
  if (slash) ($('#logsearch') || $('#search')).focus();
  slash = false;
});
$('#keys').addEventListener('click', () => $('#help').showModal());

// --- Logs ----------------------------------------------------------------

// The viewer holds a window of at most MAX lines. At its edges it fetches more
// and lets go of those far away, so that the length of a log does not matter.
const MAX = 2400, PART = 400;
let viewer = null;
class Viewer {
  constructor(box) {
    this.box = box;
    this.total = +box.dataset.total;
    this.size = +box.dataset.size;
    this.running = 'running' in box.dataset;
    this.busy = false;
    this.hits = null;
    this.at = -1;
    this.query = '';
    box.addEventListener('scroll', () => this.scrolled(), { passive: true });
    box.addEventListener('click', e => this.clicked(e));
    document.addEventListener('click', e => {
      const a = e.target.closest('a[href^="#L"]');
      if (a && !box.contains(a)) { e.preventDefault(); history.replaceState(null, '', a.hash); this.hash(); }
    });
    $('#top').onclick = () => { this.follow(false); this.jump(1, 'start'); };
    $('#end').onclick = () => this.end();
    $('#next').onclick = () => this.step(1);
    $('#prev').onclick = () => this.step(-1);
    $('#follow').onclick = () => this.toggle();
    const q = $('#logsearch');
    q.addEventListener('keydown', e => { if (e.key === 'Enter') { e.preventDefault(); this.search(q.value).then(() => this.step(e.shiftKey ? -1 : 1)); } });
    q.addEventListener('input', () => { this.hits = null; $('#hits').textContent = ''; $('#next').textContent = q.value ? 'Next' : 'Next error'; });
    addEventListener('hashchange', () => this.hash());
    if (!this.hash()) {
      box.scrollTop = box.scrollHeight;
      if (this.running) this.follow(true);
    }
    this.show();
    if ('find' in box.dataset) this.firstError();
  }
  // firstError shows the first error of a log too long to look for it before the
  // page was sent.
  async firstError() {
    await this.search('');
    if (!this.hits.length) return;
    const n = this.hits[0].number, t = document.createElement('template');
    t.innerHTML = await this.lines(Math.max(1, n - 3), 12);
    for (const l of t.content.children) {
      if (l.id === 'L' + n) l.classList.add('err');
      l.removeAttribute('id');
    }
    const s = document.createElement('section');
    s.className = 'first';
    s.dataset.keep = '';
    s.innerHTML = '<h2>First error <a href="#L' + n + '">line ' + n + '</a></h2><div class="log still"></div>';
    s.lastChild.append(t.content);
    $('#logs').before(s);
  }
  url(what, q) {
    const u = new URL('/run/' + encodeURIComponent(this.box.dataset.id) + what, location);
    for (const k in q) u.searchParams.set(k, q[k]);
    const dir = new URLSearchParams(location.search).get('dir');
    if (dir) u.searchParams.set('dir', dir);
    if (this.box.dataset.container) u.searchParams.set('container', this.box.dataset.container);
    return u;
  }
  first() { const l = this.box.firstElementChild; return l ? +l.id.slice(1) : 0; }
  last() { const l = this.box.lastElementChild; return l ? +l.id.slice(1) : 0; }
  async lines(from, count) {
    const r = await fetch(this.url('/log', { from, count }));
    if (!r.ok) return '';
    this.total = Math.max(this.total, +r.headers.get('X-Log-Lines'));
    this.size = Math.max(this.size, +r.headers.get('X-Log-Size'));
    return r.text();
  }
  show() {
    $('#where').textContent = this.total ? this.total.toLocaleString('en') + (this.total === 1 ? ' line, ' : ' lines, ') + bytes(this.size) : 'no output yet';
  }
  async once(f) {
    if (this.busy) return;
    this.busy = true;
    try { await f(); connected(true); requestAnimationFrame(() => this.scrolled()); } catch (e) { connected(false); } finally { this.busy = false; }
  }
  scrolled() {
    const b = this.box, below = b.scrollHeight - b.scrollTop - b.clientHeight;
    if (this.es && below > 80 && !this.mine) this.follow(false);
    this.mine = false;
    if (b.scrollTop < 400 && this.first() > 1) this.once(() => this.older());
    else if (below < 400 && this.last() < this.total) this.once(() => this.newer());
  }
  async older() {
    const first = this.first(), from = Math.max(1, first - PART);
    const html = await this.lines(from, first - from), b = this.box, h = b.scrollHeight, top = b.scrollTop;
    b.insertAdjacentHTML('afterbegin', html);
    b.scrollTop = top + b.scrollHeight - h;
    while (b.childElementCount > MAX) b.lastElementChild.remove();
    this.paint();
  }
  async newer() {
    const html = await this.lines(this.last() + 1, PART);
    this.append(html);
  }
  append(html) {
    const b = this.box;
    b.insertAdjacentHTML('beforeend', html);
    const h = b.scrollHeight, top = b.scrollTop;
    let cut = false;
    while (b.childElementCount > MAX) { b.firstElementChild.remove(); cut = true; }
    if (cut) b.scrollTop = top - (h - b.scrollHeight);
    this.paint();
  }
  async jump(line, block) {
    const at = document.getElementById('L' + line);
    if (!at || !this.box.contains(at)) {
      await this.once(async () => { this.box.innerHTML = await this.lines(Math.max(1, line - 120), PART); });
    }
    this.paint();
    const el = document.getElementById('L' + line);
    if (el && this.box.contains(el)) {
      this.mine = true;
      this.box.scrollTop = block === 'start' ? 0 : el.offsetTop - this.box.clientHeight / 3;
      this.box.scrollIntoView({ block: 'nearest' });
    }
    this.show();
  }
  async end() {
    await this.once(async () => { this.box.innerHTML = await this.lines(-PART, PART); });
    this.mine = true;
    this.box.scrollTop = this.box.scrollHeight;
    this.show();
    if (this.running) this.follow(true);
  }
  // hash shows the lines that the address names, #L120 or #L120-L140.
  hash() {
    const m = /^#L(\d+)(?:-L?(\d+))?$/.exec(location.hash);
    this.marked = m && [+m[1], +(m[2] || m[1])].sort((a, b) => a - b);
    if (!m) { this.paint(); return false; }
    this.follow(false);
    this.jump(this.marked[0]);
    return true;
  }
  paint() {
    const hits = new Set((this.hits || []).map(h => h.number));
    for (const l of this.box.children) {
      const n = +l.id.slice(1);
      l.classList.toggle('on', !!this.marked && n >= this.marked[0] && n <= this.marked[1]);
      l.classList.toggle('hit', hits.has(n));
    }
  }
  clicked(e) {
    const a = e.target.closest('.l > a');
    if (!a) return;
    e.preventDefault();
    const n = +a.parentElement.id.slice(1), m = this.marked;
    const to = e.shiftKey && m ? '#L' + Math.min(m[0], n) + '-L' + Math.max(m[0], n) : '#L' + n;
    history.replaceState(null, '', to);
    const t = /^#L(\d+)(?:-L(\d+))?$/.exec(to);
    this.marked = [+t[1], +(t[2] || t[1])];
    this.follow(false);
    this.paint();
  }
  async search(q) {
    if (this.hits && this.query === q) return;
    const u = this.url('/search', q ? { q } : {});
    u.pathname = '/api/v1/runs/' + encodeURIComponent(this.box.dataset.id) + '/search';
    $('#hits').textContent = 'searching …';
    const r = await fetch(u), v = await r.json();
    if (!r.ok) { this.hits = []; $('#hits').textContent = v.error; return; }
    this.query = q;
    this.hits = v.hits || [];
    this.more = v.more;
    this.at = -1;
    this.paint();
    $('#hits').textContent = this.hits.length ? this.hits.length + (v.more ? ' or more' : '') + ' found' : q ? 'nothing found' : 'nothing looks like an error';
  }
  async step(by) {
    const q = $('#logsearch').value, fresh = !this.hits || this.query !== q || this.running && !q;
    if (fresh) { const at = this.at; this.hits = this.query === q && this.at >= 0 ? null : this.hits; if (!this.hits || this.query !== q) { this.hits = null; await this.search(q); this.at = at; } }
    if (!this.hits.length) return;
    this.at = (this.at + by + this.hits.length + (this.at < 0 && by < 0 ? 1 : 0)) % this.hits.length;
    const line = this.hits[this.at].number;
    this.follow(false);
    history.replaceState(null, '', '#L' + line);
    this.marked = [line, line];
    await this.jump(line);
    $('#hits').textContent = (this.at + 1) + ' of ' + this.hits.length + (this.more ? ' or more' : '');
  }
  toggle() { if (this.running) { if (this.es) this.follow(false); else this.end(); } }
  follow(on) {
    $('#follow').setAttribute('aria-pressed', String(on && this.running));
    if (!on) { if (this.es) this.es.close(); this.es = null; return; }
    if (this.es || !this.running) return;
    const es = this.es = new EventSource(this.url('/follow', { from: this.last() + 1 }));
    es.addEventListener('lines', e => {
      const t = document.createElement('template');
      t.innerHTML = e.data;
      const first = +t.content.firstElementChild.id.slice(1);
      if (first > this.last() + 1) this.box.innerHTML = '';
      while (t.content.firstElementChild && +t.content.firstElementChild.id.slice(1) <= this.last()) t.content.firstElementChild.remove();
      const d = document.createElement('div');
      d.append(t.content);
      this.append(d.innerHTML);
      this.total = Math.max(this.total, this.last());
      this.size += e.data.length;
      this.mine = true;
      this.box.scrollTop = this.box.scrollHeight;
      $('#where').textContent = this.total.toLocaleString('en') + ' lines';
    });
    es.addEventListener('end', () => {
      es.close();
      this.es = null;
      this.running = false;
      $('#follow').hidden = true;
      soon();
    });
    es.onerror = () => { if (es.readyState === 2 && this.es === es) { this.es = null; $('#follow').setAttribute('aria-pressed', 'false'); } };
  }
}
function bytes(n) {
  if (n < 1e3) return n + ' B';
  if (n < 1e6) return (n / 1e3).toFixed(1) + ' kB';
  if (n < 1e9) return (n / 1e6).toFixed(1) + ' MB';
  return (n / 1e9).toFixed(1) + ' GB';
}
if ($('#log')) viewer = new Viewer($('#log'));
