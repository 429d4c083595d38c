/** The canvas on which you draw with mouse, finger or pen. It can show a picture instead. */
import { MAX_PIXELS } from '../../image/index';

type Point = [x: number, y: number];

/** Width of a stroke, as a share of the canvas: a felt pen on a card. */
const PEN = 0.06;

/** Side of a drawing for the worker, in pixels: enough for 28×28, and quick to process. */
const DRAWING = 144;

export class Paper {
  private strokes: Point[][] = [];
  private picture: ImageBitmap | undefined;
  /** The pointer that is drawing. */
  private pen: number | undefined;

  /** Calls `onChange` whenever the content changes, and at the end of a stroke. */
  constructor(
    private readonly canvas: HTMLCanvasElement,
    private readonly onChange: () => void,
  ) {
    canvas.addEventListener('pointerdown', (event) => this.begin(event));
    canvas.addEventListener('pointermove', (event) => this.move(event));
    canvas.addEventListener('pointerup', (event) => this.end(event));
    canvas.addEventListener('pointercancel', (event) => this.end(event));
    this.paint();
  }

  get isEmpty(): boolean {
    return this.strokes.length === 0 && !this.picture;
  }

  get isDrawing(): boolean {
    return this.pen !== undefined;
  }

  /** The picture at its full size, or the drawing. */
  bitmap(): ImageData {
    const { width, height } = this.picture ?? { width: DRAWING, height: DRAWING };
    const context = new OffscreenCanvas(width, height).getContext('2d')!;
    context.drawImage(this.picture ?? this.canvas, 0, 0, width, height);
    return context.getImageData(0, 0, width, height);
  }

  /** Replaces the drawing with an image file. Throws if the browser cannot read it or it is too large. */
  async show(file: Blob): Promise<void> {
    // Like `readBitmap`: the file's own colours, rotated according to its EXIF data.
    const picture = await createImageBitmap(file, { colorSpaceConversion: 'none' });
    if (picture.width * picture.height > MAX_PIXELS) {
      const size = `${picture.width}×${picture.height}`;
      picture.close();
      throw new Error(`${size} pixels, want at most ${MAX_PIXELS / 1e6} million`);
    }
    this.clear(picture);
  }

  undo(): void {
    this.clear(undefined, this.strokes.slice(0, -1));
  }

  clear(picture?: ImageBitmap, strokes: Point[][] = []): void {
    this.strokes = strokes;
    this.picture?.close();
    this.picture = picture;
    this.pen = undefined;
    this.paint();
    this.onChange();
  }

  private begin(event: PointerEvent): void {
    if (this.pen !== undefined || event.button !== 0) return;
    event.preventDefault();
    if (this.picture) this.clear();
    this.canvas.setPointerCapture(event.pointerId);
    this.pen = event.pointerId;
    this.strokes.push([this.point(event)]);
    this.paint();
    this.onChange();
  }

  private move(event: PointerEvent): void {
    if (event.pointerId !== this.pen) return;
    // A browser can combine several moves into one event.
    const events = event.getCoalescedEvents?.() ?? [];
    for (const each of events.length > 0 ? events : [event]) {
      this.strokes[this.strokes.length - 1].push(this.point(each));
    }
    this.paint();
    this.onChange();
  }

  private end(event: PointerEvent): void {
    if (event.pointerId !== this.pen) return;
    this.pen = undefined;
    this.onChange();
  }

  private point({ clientX, clientY }: PointerEvent): Point {
    const { left, top, width } = this.canvas.getBoundingClientRect();
    const scale = this.canvas.width / width;
    return [(clientX - left) * scale, (clientY - top) * scale];
  }

  private paint(): void {
    const { canvas, picture } = this;
    const side = canvas.width;
    const context = canvas.getContext('2d', { willReadFrequently: true })!;
    context.fillStyle = '#fff';
    context.fillRect(0, 0, side, side);
    if (picture) {
      const scale = side / Math.max(picture.width, picture.height);
      const [width, height] = [picture.width * scale, picture.height * scale];
      context.drawImage(picture, (side - width) / 2, (side - height) / 2, width, height);
    }
    context.strokeStyle = '#111';
    context.lineWidth = PEN * side;
    context.lineCap = 'round';
    context.lineJoin = 'round';
    for (const stroke of this.strokes) {
      context.beginPath();
      context.moveTo(...stroke[0]);
      for (const point of stroke) context.lineTo(...point);
      context.stroke();
    }
  }
}
