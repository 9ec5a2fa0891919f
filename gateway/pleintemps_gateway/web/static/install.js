// Registers the worker that shows a useful page without a connection. Nothing here is needed to act.
navigator.serviceWorker?.register("/sw.js").catch(() => {
  // plain HTTP from another machine, or switched off: the pages are the same without
});
