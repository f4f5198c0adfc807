/* The names and figures of indicators in the corner of their pane, each in its line's colour: a series' primitive,
 * for those of a pane are drawn below the series.
 */

const LEFT = 10;
const LINE = 16;

export class PaneLabels {
  /* rows() gives [[{text, colour}, ...], ...]; top() is where the first row begins, in px; style() the font and ground. */
  constructor(rows, top, style) {
    this.rows = rows;
    this.top = top;
    this.style = style;
    const renderer = { draw: (target) => target.useMediaCoordinateSpace((scope) => this.draw(scope)) };
    this.views = [{ zOrder: () => "top", renderer: () => renderer }];
  }

  paneViews() {
    return this.views;
  }

  draw({ context, mediaSize }) {
    const { font, ground } = this.style();
    context.font = font;
    context.textBaseline = "top";
    this.rows().forEach((row, index) => {
      let x = LEFT;
      const y = this.top() + index * LINE;
      const width = row.reduce((sum, part) => sum + context.measureText(part.text).width + 8, 0);
      context.fillStyle = ground;
      context.fillRect(x - 4, y - 2, Math.min(width, mediaSize.width - x), LINE);
      row.forEach((part) => {
        context.fillStyle = part.colour;
        context.fillText(part.text, x, y);
        x += context.measureText(part.text).width + 8;
      });
    });
  }
}
