/**
 * The map: all rows as points, near ones near each other, laid out when the data was made. Hits are lit. A canvas draws 20,000
 * points in a few milliseconds, so there is no library and no need for WebGL.
 */
const HUES = [222, 152, 28, 340, 270, 190, 58, 0]; // of the largest sections; the rest is grey
const MARGIN = 10; // pixels

export function setUpMap(onPick) {
  const card = document.querySelector('#map-card');
  const canvas = document.querySelector('#map');
  const tip = document.querySelector('#map-tip');
  let points; // u16 x, y of each row
  let groups; // the section of each row, as an index into HUES
  let lit = [];
  let background; // the points without hits
  let nameOf;

  /** Where row `id` is, in the canvas's own pixels. */
  const place = (id) => {
    const inside = canvas.width - 2 * MARGIN;
    return [0, 1].map((i) => MARGIN + (points[2 * id + i] / 65535) * inside);
  };

  function drawBackground() {
    const side = Math.round(canvas.clientWidth * Math.min(devicePixelRatio, 2));
    if (!points || !side) return;
    canvas.width = canvas.height = side;
    background = new OffscreenCanvas(side, side);
    const draw = background.getContext('2d');
    const dark = document.documentElement.dataset.theme === 'dark';
    const dot = Math.max(1, side / 260);
    const colours = HUES.map((hue) => `hsl(${hue} ${dark ? 55 : 60}% ${dark ? 62 : 52}% / 60%)`);
    colours.push(dark ? 'rgb(150 155 175 / 30%)' : 'rgb(90 95 115 / 30%)');
    for (let group = colours.length - 1; group >= 0; group--) {
      draw.fillStyle = colours[group];
      for (let id = 0; id < groups.length; id++) {
        if (groups[id] !== group) continue;
        const [x, y] = place(id);
        draw.fillRect(x - dot / 2, y - dot / 2, dot, dot);
      }
    }
    drawHits();
  }

  function drawHits() {
    if (!background) return;
    const draw = canvas.getContext('2d');
    const style = getComputedStyle(document.documentElement);
    const radius = canvas.width / 75;
    draw.clearRect(0, 0, canvas.width, canvas.height);
    draw.globalAlpha = lit.length ? 0.55 : 1;
    draw.drawImage(background, 0, 0);
    draw.globalAlpha = 1;
    draw.fillStyle = style.getPropertyValue('--map-hit');
    draw.strokeStyle = style.getPropertyValue('--card');
    draw.lineWidth = radius / 3;
    for (const [rank, id] of [...lit.entries()].reverse()) {
      const [x, y] = place(id);
      draw.beginPath();
      draw.arc(x, y, radius * (rank === 0 ? 1.5 : 1), 0, 2 * Math.PI);
      draw.fill();
      draw.stroke();
    }
  }

  /** The row under the pointer, a lit one rather than another; undefined where there is none. */
  function rowAt(event) {
    const scale = canvas.width / canvas.clientWidth;
    const [x, y] = [event.offsetX * scale, event.offsetY * scale];
    let found;
    let least = (12 * scale) ** 2;
    const consider = (id, weight) => {
      const [px, py] = place(id);
      const far = ((px - x) ** 2 + (py - y) ** 2) * weight;
      if (far < least) [found, least] = [id, far];
    };
    for (const id of lit) consider(id, 0.2);
    for (let id = 0; id < groups.length; id++) consider(id, 1);
    return found;
  }

  canvas.addEventListener('pointermove', async (event) => {
    const id = points && rowAt(event);
    canvas.style.cursor = id === undefined ? '' : 'pointer';
    tip.textContent = id === undefined ? '' : await nameOf(id);
  });
  canvas.addEventListener('pointerleave', () => {
    tip.textContent = '';
  });
  canvas.addEventListener('click', async (event) => {
    const id = points && rowAt(event);
    if (id !== undefined) onPick(id, await nameOf(id));
  });
  new ResizeObserver(drawBackground).observe(canvas);

  return {
    /** `bytes` of data/map.bin, the section of each row as an index, the sections' names, and a row's name by id. */
    load(bytes, sectionOf, sections, names) {
      points = new Uint16Array(bytes);
      groups = sectionOf.map((section) => Math.min(section, HUES.length));
      nameOf = names;
      card.hidden = false;
      const legend = document.querySelector('#map-legend');
      legend.replaceChildren(
        ...sections.slice(0, HUES.length).map((name, i) => {
          const item = document.createElement('li');
          item.style.setProperty('--hue', HUES[i]);
          item.textContent = name;
          return item;
        }),
      );
      drawBackground();
    },
    /** Another database, of which there is no map. */
    hide() {
      points = background = undefined;
      card.hidden = true;
    },
    light(ids) {
      lit = points ? ids.filter((id) => id < groups.length) : [];
      drawHits();
    },
    redraw: drawBackground,
  };
}
