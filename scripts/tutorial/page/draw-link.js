// Opened as a file, the page to draw on cannot load the network: say how to open it instead.
if (location.protocol === 'file:') {
  const link = /** @type {HTMLElement} */ (document.querySelector('.draw-link'));
  const how = /** @type {HTMLElement} */ (document.querySelector('.draw-how'));
  [link.hidden, how.hidden] = [true, false];
}
