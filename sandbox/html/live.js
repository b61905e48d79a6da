// Draws the page anew when the forge says that something changed. What a person is
// typing, and where the cursor is, stays.
'use strict';
(() => {
  let news, busy = false, again = false;

  // A browser opens few connections to one server: pages that nobody sees give
  // theirs back.
  function listen() {
    news?.close();
    news = undefined;
    if (document.hidden) return;
    news = new EventSource('/-/live');
    news.addEventListener('open', look);
    news.addEventListener('changed', look);
  }

  async function look() {
    if (busy) { again = true; return; }
    busy = true;
    try {
      const answer = await fetch(location.href, {headers: {Accept: 'text/html'}});
      if (answer.ok) show(new DOMParser().parseFromString(await answer.text(), 'text/html'));
    } catch { /* the forge is away: the next change, or the person, looks again */ }
    busy = false;
    if (again) { again = false; look(); }
  }

  // fields are what can be filled in, in their order, by the form and name they have.
  const key = f => (f.form ? f.form.getAttribute('action') : '') + ' ' + f.name;
  const fields = main => [...main.querySelectorAll('textarea, select, input:not([type=hidden])')];

  function show(page) {
    const old = document.querySelector('main'), now = page.querySelector('main');
    if (!now) return;
    const fresh = now.innerHTML;
    if (fresh === (old.fresh ?? first)) return;
    const typed = new Map(fields(old).map(f => [key(f), f]));
    let focus;
    for (const f of fields(now)) {
      const was = typed.get(key(f));
      if (!was) continue;
      if (was === document.activeElement) focus = [f, was.selectionStart, was.selectionEnd];
      if (f.tagName !== 'SELECT' || [...f.options].some(o => o.value === was.value)) f.value = was.value;
    }
    const taken = document.adoptNode(now);
    taken.fresh = fresh;
    old.replaceWith(taken);
    document.title = page.title;
    if (focus) {
      focus[0].focus({preventScroll: true});
      if (focus[1] != null) focus[0].setSelectionRange(focus[1], focus[2]);
    }
  }
  const first = document.querySelector('main').innerHTML;
  document.addEventListener('visibilitychange', listen);
  listen();
})();
