// What was corrected by hand and is not saved yet: it can be undone, step by step.

/** Changes `poses` as it goes. Tells "change" after each step. */
export class Corrections extends EventTarget {
  constructor(poses) {
    super();
    this.poses = poses;
    this._done = [];
    this._undone = [];
  }

  get canUndo() {
    return this._done.length > 0;
  }

  get canRedo() {
    return this._undone.length > 0;
  }

  /** How many points differ from what is saved. */
  get count() {
    return this._latest().size;
  }

  /**
   * Put a keypoint somewhere, or say that it is not there (`xy` null).
   *
   * `person` is the position in the people of the frame. Steps with the same `gesture` are undone together.
   */
  set({ frame, person, keypoint, xy, gesture = null }) {
    const last = this._done[this._done.length - 1];
    const target = this.poses.people[frame][person];
    const after = xy ? { x: round(xy[0]), y: round(xy[1]), score: 1 } : { x: null, y: null, score: 0 };
    if (gesture !== null && last?.gesture === gesture) last.after = after;
    else this._done.push({ frame, person, keypoint, id: target.id, gesture, before: read(target, keypoint), after });
    this._undone = [];
    write(target, keypoint, after);
    this._tell();
  }

  undo() {
    const step = this._done.pop();
    if (!step) return null;
    this._undone.push({ ...step, gesture: null });
    write(this.poses.people[step.frame][step.person], step.keypoint, step.before);
    this._tell();
    return step;
  }

  redo() {
    const step = this._undone.pop();
    if (!step) return null;
    this._done.push(step);
    write(this.poses.people[step.frame][step.person], step.keypoint, step.after);
    this._tell();
    return step;
  }

  /** As the server wants it. */
  list() {
    return [...this._latest().values()].map(({ frame, id, keypoint, after }) => ({
      frame, id, keypoint: this.poses.skeleton.keypoints[keypoint], x_px: after.x, y_px: after.y,
    }));
  }

  /** Where something was corrected: {frame, id}. */
  places() {
    return [...this._latest().values()].map(({ frame, id }) => ({ frame, id }));
  }

  /** Forget the steps, since they are saved. */
  saved() {
    this._done = [];
    this._undone = [];
    this._tell();
  }

  _latest() {
    const latest = new Map();
    for (const step of this._done) latest.set(`${step.frame} ${step.person} ${step.keypoint}`, step);
    return latest;
  }

  _tell() {
    this.dispatchEvent(new Event("change"));
  }
}

const round = (value) => Math.round(value * 100) / 100;

function read({ xy, score }, k) {
  return { x: xy[2 * k], y: xy[2 * k + 1], score: score[k] };
}

function write({ xy, score }, k, { x, y, score: sure }) {
  xy[2 * k] = x;
  xy[2 * k + 1] = y;
  score[k] = sure;
}
