/**
 * Runs in the notebook's page. Redraws a figure in place with Plotly, which the Jupyter server serves from
 * node_modules, or as an SVG if Plotly cannot be loaded. `live.ts` sends this file as text.
 *
 * @param {{ id: string, figure: { data: object[], layout: object }, picture: string }} drawing
 */
// biome-ignore lint/correctness/noUnusedVariables: called by the script that live.ts appends
async function drawLive({ id, figure, picture }) {
  const place = document.getElementById(id);
  if (!place) return;
  window.tutorialPlotly ??= (async () => {
    if (window.Plotly) return window.Plotly;
    const settings = document.getElementById('jupyter-config-data');
    if (!settings) return undefined;
    const { baseUrl = '/' } = JSON.parse(settings.textContent ?? '{}');
    return new Promise((resolve) => {
      const script = document.createElement('script');
      script.src = `${baseUrl}files/node_modules/plotly.js-dist/plotly.js`;
      script.onload = () => resolve(window.Plotly);
      script.onerror = () => resolve(undefined);
      document.head.append(script);
    });
  })();
  const plotly = await window.tutorialPlotly;
  if (!place.isConnected) return;
  if (!plotly) {
    place.innerHTML = picture;
    return;
  }
  if (!place.classList.contains('js-plotly-plot')) place.replaceChildren();
  const layout = { ...figure.layout, uirevision: id }; // keeps the zoom
  await plotly.react(place, figure.data, layout, { responsive: true, displaylogo: false });
  place.dataset.drawings = String(Number(place.dataset.drawings ?? 0) + 1);
}
