// Drawing people on a canvas: the same colours as the overlay that the command line writes
// (Okabe and Ito, "Color universal design", 2008), told apart with every kind of colour vision.

export const SIDE_RGB = { left: [86, 180, 233], right: [213, 94, 0], middle: [240, 228, 66] };
const TRACK_RGB = [[230, 159, 0], [0, 158, 115], [204, 121, 167], [0, 114, 178], [240, 228, 66], [213, 94, 0], [86, 180, 233]];
const UNTRACKED_RGB = [190, 190, 190];
const LEAST_OPACITY = 0.3; // what is drawn at all must be seen

/** Say of which side of the body a keypoint is. */
export function sideOf(keypoint) {
  const words = keypoint.split("_");
  return words.includes("left") ? "left" : words.includes("right") ? "right" : "middle";
}

export function trackColour(id) {
  return rgb(id < 0 ? UNTRACKED_RGB : TRACK_RGB[id % TRACK_RGB.length]);
}

const rgb = (colour, opacity = 1) => `rgb(${colour.join(" ")} / ${opacity})`;

/**
 * Draw the people of one frame over a picture that fills the canvas.
 *
 * `people` is a list of {id, box, xy, score} in pixels of the picture, of which `size_wh` is the size; the centre
 * of its first pixel is (0, 0). Missing coordinates are null. `show` may switch off lines, points, boxes and ids.
 * `pixels` is how many pixels of the canvas are one of the screen.
 */
export function drawPeople(context, { people, skeleton, size_wh, show = {}, pixels = 1 }) {
  const { lines = true, points = true, boxes = true, ids = true } = show;
  const scale = context.canvas.width / size_wh[0];
  const at = (x) => (x + 0.5) * scale;
  for (const person of people) {
    const pen = penFor(person, scale, pixels);
    if (boxes && person.box) drawBox(context, person, at, pen);
    if (lines) drawLines(context, person, skeleton, at, pen);
    if (points) drawPoints(context, person, skeleton, at, pen);
  }
  if (ids) for (const person of people) if (person.id >= 0 && person.box) drawId(context, person, at, pixels);
}

/** Strokes are finer for somebody who is small in the picture. */
function penFor(person, scale, pixels) {
  const height = person.box ? (person.box[3] - person.box[1]) * scale : 300 * pixels;
  const unit = pixels * Math.min(1, Math.max(0.5, height / (220 * pixels)));
  return { line: 2.6 * unit, radius: 3.4 * unit, halo: 1.1 * unit };
}

function drawBox(context, person, at, pen) {
  const [left, top, right, bottom] = person.box.map(at);
  for (const [width, colour] of [[pen.line / 2 + 2 * pen.halo, "rgb(0 0 0 / .5)"], [pen.line / 2, trackColour(person.id)]]) {
    context.lineWidth = width;
    context.strokeStyle = colour;
    context.strokeRect(left, top, right - left, bottom - top);
  }
}

function drawLines(context, person, skeleton, at, pen) {
  const { xy, score } = person;
  context.lineCap = "round";
  const shown = skeleton.edges.filter(([a, b]) => isThere(xy, a) && isThere(xy, b));
  for (const isHalo of [true, false]) {
    for (const [a, b] of shown) {
      const opacity = opacityOf(Math.min(score[a], score[b]));
      context.lineWidth = isHalo ? pen.line + 2 * pen.halo : pen.line;
      context.strokeStyle = isHalo ? `rgb(0 0 0 / ${0.5 * opacity})` : rgb(SIDE_RGB[edgeSide(skeleton, a, b)], opacity);
      context.beginPath();
      context.moveTo(at(xy[2 * a]), at(xy[2 * a + 1]));
      context.lineTo(at(xy[2 * b]), at(xy[2 * b + 1]));
      context.stroke();
    }
  }
}

function drawPoints(context, person, skeleton, at, pen) {
  skeleton.keypoints.forEach((name, k) => {
    if (!isThere(person.xy, k)) return;
    const opacity = opacityOf(person.score[k]);
    disc(context, at(person.xy[2 * k]), at(person.xy[2 * k + 1]), pen.radius + pen.halo, `rgb(0 0 0 / ${0.5 * opacity})`);
    disc(context, at(person.xy[2 * k]), at(person.xy[2 * k + 1]), pen.radius, rgb(SIDE_RGB[sideOf(name)], opacity));
  });
}

function drawId(context, person, at, pixels) {
  const text = String(person.id);
  context.font = `600 ${14 * pixels}px system-ui, sans-serif`;
  const width = context.measureText(text).width + 10 * pixels;
  const height = 20 * pixels;
  const left = Math.max(0, at(person.box[0]));
  const top = Math.max(0, at(person.box[1]) - height);
  context.fillStyle = trackColour(person.id);
  context.fillRect(left, top, width, height);
  context.fillStyle = "#000";
  context.textBaseline = "middle";
  context.fillText(text, left + 5 * pixels, top + height / 2 + pixels);
}

/** Ring the keypoint that is being corrected. */
export function ringPoint(context, { x, y, size_wh, pixels = 1 }) {
  const scale = context.canvas.width / size_wh[0];
  for (const [width, colour] of [[4, "#000"], [2, "#fff"]]) {
    context.beginPath();
    context.arc((x + 0.5) * scale, (y + 0.5) * scale, 9 * pixels, 0, 2 * Math.PI);
    context.lineWidth = width * pixels;
    context.strokeStyle = colour;
    context.stroke();
  }
}

function disc(context, x, y, radius, colour) {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fillStyle = colour;
  context.fill();
}

export const isThere = (xy, k) => xy[2 * k] !== null && xy[2 * k + 1] !== null;
const opacityOf = (score) => Math.max(LEAST_OPACITY, Math.min(1, score ?? 1));

function edgeSide(skeleton, a, b) {
  const sides = [sideOf(skeleton.keypoints[a]), sideOf(skeleton.keypoints[b])];
  if (sides[0] === sides[1]) return sides[0];
  return sides.includes("left") && sides.includes("right") ? "middle" : sides.find((side) => side !== "middle");
}
