/* Lines on the chart where one trading day ends and the next begins, and fainter ones at breaks within a day.
 *
 * A primitive of the chart library: it is asked to draw whenever the pane is drawn, and looks at visible bars only.
 */

const ROOM = 36; // px between two lines, or they say nothing
const GAP_SPACING = 4; // px a bar from which on breaks within a day are worth a line

export class SessionBreaks {
  /* bars() gives the chart's bars, colours() {day, pause}. */
  constructor(bars, colours) {
    this.bars = bars;
    this.colours = colours;
    const renderer = { draw: (target) => target.useMediaCoordinateSpace((scope) => this.draw(scope)) };
    this.views = [{ zOrder: () => "bottom", renderer: () => renderer }];
  }

  attached({ chart }) {
    this.chart = chart;
  }

  paneViews() {
    return this.views;
  }

  draw({ context, mediaSize }) {
    const scale = this.chart.timeScale();
    const range = scale.getVisibleLogicalRange();
    if (!range) return;
    const spacing = scale.options().barSpacing;
    const colours = this.colours();
    const { days, pauses } = this.find(Math.floor(range.from), Math.ceil(range.to));
    const line = (index, colour, dash) => {
      const x = Math.round(scale.logicalToCoordinate(index) - spacing / 2) + 0.5;
      context.strokeStyle = colour;
      context.setLineDash(dash);
      context.beginPath();
      context.moveTo(x, 0);
      context.lineTo(x, mediaSize.height);
      context.stroke();
    };
    context.lineWidth = 1;
    if (days.length * ROOM < mediaSize.width) days.forEach((index) => line(index, colours.day, [4, 3]));
    if (spacing >= GAP_SPACING) pauses.forEach((index) => line(index, colours.pause, [1, 4]));
    context.setLineDash([]);
  }

  find(from, to) {
    const bars = this.bars();
    const days = [];
    const pauses = [];
    for (let index = Math.max(1, from); index <= Math.min(to, bars.length - 1); index += 1) {
      const bar = bars[index];
      const before = bars[index - 1];
      if (bar.day !== before.day) days.push(index);
      else if (bar.step && bar.start - before.start > bar.step * 1.5) pauses.push(index);
    }
    return { days, pauses };
  }
}
