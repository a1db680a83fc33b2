// Lines over the cards, from cells of the input to the outputs that they are part of.
import {byId} from './dom.js';

const LINES_MAX = 64; // more hide what is under them

const NS = 'http://www.w3.org/2000/svg';

// pairs: [[x, y], [x, y]] in pixels of the window
export function linksShow(pairs) {
  const picture = byId('links'), {left, top} = picture.getBoundingClientRect();
  picture.replaceChildren(...pairs.slice(0, LINES_MAX).map(([[x1, y1], [x2, y2]]) => {
    const line = document.createElementNS(NS, 'line');
    Object.entries({x1: x1 - left, y1: y1 - top, x2: x2 - left, y2: y2 - top})
      .forEach(([name, value]) => line.setAttribute(name, value));
    return line;
  }));
}
