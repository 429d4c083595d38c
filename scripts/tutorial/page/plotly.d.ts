/** The part of Plotly that the pages use. */
interface PlotlyLibrary {
  react(place: Element, data: object, layout: object, config: object): Promise<void>;
}

declare const Plotly: PlotlyLibrary;

interface Window {
  Plotly?: PlotlyLibrary;
  /** Loaded once for all cells of a notebook. */
  tutorialPlotly?: Promise<PlotlyLibrary | undefined>;
}
