// Before anything is drawn: the chosen colours and language, so that nothing flickers.
'use strict';
{
  const root = document.documentElement;
  let kept = {};
  try {
    kept = JSON.parse(localStorage.getItem('lathe') || '{}') || {};
  } catch {
    // storage is closed to this page: what is chosen lasts until it is left
  }
  root.dataset.theme = ['light', 'dark'].includes(kept.theme) ? kept.theme : 'system';
  root.lang = ['en', 'zh'].includes(kept.language)
    ? kept.language
    : /^zh\b/i.test(navigator.language) ? 'zh' : 'en';
}
