//go:build acceptance

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// window is a real Chromium with one tab, and what its console complained about.
type window struct {
	t   *testing.T
	ctx context.Context

	mu    sync.Mutex
	wrong []string
}

func newWindow(t *testing.T) *window {
	t.Helper()
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.UserDataDir(t.TempDir()))
	if at := os.Getenv("CHROMIUM"); at != "" {
		opts = append(opts, chromedp.ExecPath(at))
	}
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), opts...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	w := &window{t: t, ctx: ctx}
	w.listen()
	w.light()
	w.size(1280, 900)
	return w
}

// listen keeps what the console says.
func (w *window) listen() {
	messages := chromedp.Console(w.ctx)
	go func() {
		for m, err := range messages {
			if err != nil {
				return
			}
			w.mu.Lock()
			w.wrong = append(w.wrong, m.String()+" "+m.URL)
			w.mu.Unlock()
		}
	}()
}

// silent fails the test if the console of any page has said something.
func (w *window) silent() {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, m := range w.wrong {
		w.t.Errorf("the console says: %s", m)
	}
}

func (w *window) do(steps ...chromedp.Action[chromedp.Void]) {
	w.t.Helper()
	if err := chromedp.Do(w.ctx, steps...); err != nil {
		w.t.Fatal(err)
	}
}

func (w *window) open(url string) { w.t.Helper(); w.do(chromedp.Navigate(url)) }
func (w *window) size(width, height int64) {
	w.t.Helper()
	w.do(chromedp.EmulateViewport(width, height))
}
func (w *window) key(keys string) { w.t.Helper(); w.do(chromedp.KeyEvent(keys)) }

// light asks for light pages that stand still.
func (w *window) light() {
	w.t.Helper()
	w.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "light"}, {Name: "prefers-reduced-motion", Value: "reduce"}},
		})
		return err
	}))
}

func look[T any](w *window, js string) T {
	w.t.Helper()
	v, err := chromedp.Run(w.ctx, chromedp.Evaluate[T](js))
	if err != nil {
		w.t.Fatalf("%s: %v", js, err)
	}
	return v
}

// sees tells whether js is true on the page now; on a page that is just being left,
// nothing is.
func (w *window) sees(js string) bool {
	v, err := chromedp.Run(w.ctx, chromedp.Evaluate[bool]("(() => { try { return document.readyState === 'complete' && !!("+js+") } catch (e) { return false } })()"))
	return err == nil && v
}

// until waits until js is true on the page, which nobody reloads.
func (w *window) until(what, js string) {
	w.t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if w.sees(js) {
			return
		}
	}
	w.t.Fatalf("never happened: %s; %s says:\n%s", what, look[string](w, `location.href`), look[string](w, `document.querySelector('body').innerText.slice(0, 2500)`))
}

// click waits for the one element that css names, and clicks it.
func (w *window) click(css string) {
	w.t.Helper()
	w.until("there is "+css, fmt.Sprintf(`document.querySelectorAll(%q).length === 1`, css))
	w.do(chromedp.Click(css))
}

// write types text into the field that css names.
func (w *window) write(css, text string) {
	w.t.Helper()
	w.until("there is "+css, fmt.Sprintf(`document.querySelectorAll(%q).length === 1`, css))
	w.do(chromedp.SendKeys(css, text))
}

// fits fails if the page scrolls sideways at the width.
func (w *window) fits(width int64) {
	w.t.Helper()
	w.size(width, 800)
	defer w.size(1280, 900)
	if over := look[int](w, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); over > 0 {
		w.t.Errorf("%s is %d pixels too wide at %d", look[string](w, `location.pathname`), over, width)
	}
	w.picture(fmt.Sprint(width))
}

// picture writes what is shown into the folder that PICTURES names, if it does.
func (w *window) picture(suffix string) {
	w.t.Helper()
	if dir := os.Getenv("PICTURES"); dir != "" {
		w.shot(filepath.Join(dir, fmt.Sprintf("%02d-%s-%s.png", len(must(filepath.Glob(dir+"/*")))+1, look[string](w, `location.pathname.split('/').slice(1, 3).join('-') || 'home'`), suffix)))
	}
}

// shot writes the whole page as a small PNG file.
func (w *window) shot(name string) {
	w.t.Helper()
	b, err := chromedp.Run(w.ctx, chromedp.FullScreenshot(100))
	must0(w.t, err)
	img, err := png.Decode(bytes.NewReader(b))
	must0(w.t, err)
	var out bytes.Buffer
	must0(w.t, (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, fewer(img)))
	must0(w.t, os.WriteFile(name, out.Bytes(), 0o644)) //nolint:gosec // a picture for everybody
}

// fewer returns img in 256 colours, its commonest that differ: a page has hardly
// more, but for the edges of its letters.
func fewer(img image.Image) image.Image {
	count, area := map[color.Color]int{}, img.Bounds()
	for y := area.Min.Y; y < area.Max.Y; y++ {
		for x := area.Min.X; x < area.Max.X; x++ {
			count[img.At(x, y)]++
		}
	}
	var chosen color.Palette
	for _, c := range slices.SortedFunc(maps.Keys(count), func(a, b color.Color) int { return count[b] - count[a] }) {
		if len(chosen) == 0 || len(chosen) < 256 && !near(chosen[chosen.Index(c)], c) {
			chosen = append(chosen, c)
		}
	}
	out := image.NewPaletted(area, chosen)
	draw.Draw(out, area, img, area.Min, draw.Src)
	return out
}

func near(a, b color.Color) bool {
	r, g, bl, _ := a.RGBA()
	r2, g2, b2, _ := b.RGBA()
	apart := func(x, y uint32) int { return max(int(x>>8)-int(y>>8), int(y>>8)-int(x>>8)) }
	return apart(r, r2)+apart(g, g2)+apart(bl, b2) < 6
}
