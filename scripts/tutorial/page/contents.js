// The table of contents: open next to the text on a wide screen, folded above it on a narrow one.
(() => {
  const contents = /** @type {HTMLDetailsElement} */ (document.querySelector('.contents'));
  const wide = matchMedia('(min-width: 64rem)');
  const fold = () => {
    contents.open = wide.matches;
  };
  wide.addEventListener('change', fold);
  contents.addEventListener('click', ({ target }) => {
    const isLink = target instanceof Element && target.closest('a');
    if (isLink && !wide.matches) contents.open = false;
  });
  fold();
})();
