// Draws the figures in the page's colours. Draws them again if the colour scheme or the width changes.
(() => {
  const narrow = matchMedia('(max-width: 40rem)');
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const touch = matchMedia('(pointer: coarse)');
  /** @type {{ place: Element, data: object[], layout: Record<string, any> }[]} */
  const figures = [...document.querySelectorAll('.figure')].map((place) => {
    const { data, layout } = JSON.parse(place.nextElementSibling?.textContent ?? '');
    return { place, data, layout };
  });

  /** @param {string} name */
  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  const TOP = { yref: 'container', y: 1, yanchor: 'top', pad: { t: 14 } };

  /**
   * @param {Record<string, any>} layout
   * @param {{ name?: string }[]} data
   */
  function layoutHere({ title, grid, width, legend, ...layout }, data) {
    const clear = 'rgba(0, 0, 0, 0)';
    const line = color('--line');
    const axis = { gridcolor: line, zerolinecolor: line, linecolor: line, automargin: true };
    /** @type {Record<string, any>} */
    const here = {
      ...layout,
      title: { font: { size: narrow.matches ? 15 : 17 }, ...TOP, ...title },
      margin: narrow.matches ? { l: 56, r: 16, t: 56, b: 56 } : { l: 72, r: 32, t: 64, b: 64 },
      paper_bgcolor: clear,
      plot_bgcolor: clear,
      template: {
        layout: {
          font: { color: color('--text'), family: getComputedStyle(document.body).fontFamily },
          xaxis: axis,
          yaxis: axis,
          hoverlabel: {
            bgcolor: color('--box'),
            bordercolor: line,
            font: { color: color('--text') },
          },
          modebar: { bgcolor: clear, color: color('--muted'), activecolor: color('--text') },
        },
      },
    };
    if (grid) here.grid = grid;
    if (legend) here.legend = legend;
    if (legend?.y > 1) here.margin.t += 24; // a legend between title and plot
    if (touch.matches) here.dragmode = false; // a finger on a figure scrolls the page
    if (!narrow.matches) return here;
    if (title?.text) here.title.text = title.text.replace(/(.{24,36}) (?=.{4})/g, '$1<br>');
    if (grid?.columns > 1) {
      // Stack plots that are side by side.
      here.grid = { ...grid, rows: grid.rows * grid.columns, columns: 1 };
      here.height = 1.7 * (layout.height ?? 450);
    }
    if (legend?.y > 1) {
      // Above the plot there is no room for a legend of several rows.
      const names = [...new Set(data.map(({ name = '' }) => name))];
      const rows = Math.ceil(names.reduce((sum, name) => sum + name.length + 8, 0) / 40);
      here.legend = { ...legend, y: 0, yref: 'container', yanchor: 'bottom' };
      here.margin.t -= 24;
      here.margin.b += 22 * rows;
      here.height = (here.height ?? 450) + 22 * rows;
    }
    return here;
  }

  /**
   * The blue of the curves is too dark for a dark page, and colour scales start at the page's colour, not white.
   * @param {object[]} data
   */
  function dataHere(data) {
    if (!dark.matches) return data;
    const text = JSON.stringify(data)
      .replaceAll('"color":"#1f77b4"', '"color":"#5aa9e6"')
      .replaceAll('31, 119, 180, 0.3', '90, 169, 230, 0.45')
      .replaceAll('#ffffff', color('--page'));
    return JSON.parse(text);
  }

  function draw() {
    // On a touch screen the mode bar would stay in view.
    const modeBar = touch.matches ? { displayModeBar: false } : {};
    const config = { responsive: true, displaylogo: false, ...modeBar };
    for (const { place, data, layout } of figures) {
      Plotly.react(place, dataHere(data), layoutHere(layout, data), config);
    }
  }

  for (const query of [narrow, dark, touch]) query.addEventListener('change', draw);
  draw();
})();
