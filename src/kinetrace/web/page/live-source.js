// Where pictures come from: the camera, or a film. Each picture comes with its time and its age.

/** Why there is no picture; `message` is a sentence for people. */
export class SourceError extends Error {}

const WHY_NO_CAMERA = {
  NotAllowedError: "The browser does not let this page use the camera. Allow it by the camera sign in the address bar (or in the browser's settings), and start again. You can also choose a film.",
  NotFoundError: "There is no camera. Plug one in and start again, or choose a film.",
  NotReadableError: "The camera cannot be used: another program may have it. Close that one and start again.",
  OverconstrainedError: "That camera is gone. Choose another one and start again.",
  AbortError: "The camera did not start. Unplug it, plug it in again, and start again.",
};
const NOT_SECURE = "The browser gives the camera only to pages of this computer itself (http://127.0.0.1:...) or with https. Open the page on the computer that runs Kinetrace, or choose a film.";

const LONGEST_START_MS = 10000;

/** Open a camera: its picture is in the returned video element. */
export async function openCamera(deviceId) {
  if (!navigator.mediaDevices?.getUserMedia) throw new SourceError(NOT_SECURE);
  const wanted = { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 30 } };
  if (deviceId) wanted.deviceId = { exact: deviceId };
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: wanted, audio: false });
  } catch (error) {
    throw new SourceError(WHY_NO_CAMERA[error.name] ?? `The camera did not start (${error.name}). Try again, or choose a film.`);
  }
  const video = newVideo();
  video.srcObject = stream;
  await playing(video, "The camera sends no picture. Try another one.");
  return new Source(video, stream);
}

/** Open a film that the browser can play. */
export async function openFilm(file) {
  const video = newVideo();
  video.src = URL.createObjectURL(file);
  await playing(video, "This browser cannot play that film. An MP4 (H.264) or a WebM works nearly everywhere; on the page Analyse any film does.");
  return new Source(video, null);
}

/** The cameras that there are, by id and name; names are only told once one has been allowed. */
export async function listCameras() {
  const devices = await navigator.mediaDevices?.enumerateDevices?.() ?? [];
  return devices.filter((device) => device.kind === "videoinput" && device.deviceId);
}

function newVideo() {
  const video = document.createElement("video");
  Object.assign(video, { muted: true, playsInline: true, disablePictureInPicture: true });
  return video;
}

async function playing(video, why) {
  try {
    // Of a file that is cut off browsers say nothing at all.
    await Promise.race([video.play(), new Promise((_, fail) => { setTimeout(fail, LONGEST_START_MS); })]);
  } catch {
    release(video);
    throw new SourceError(why);
  }
}

function release(video) {
  video.pause();
  for (const track of video.srcObject?.getTracks() ?? []) track.stop();
  if (video.src) URL.revokeObjectURL(video.src);
  video.srcObject = null;
  video.removeAttribute("src");
}

class Source {
  #stopped = false;

  constructor(video, stream) {
    this.video = video;
    this.isCamera = stream !== null;
    // A camera that faces the one who looks at it is a mirror to them; a film is not.
    this.facesUser = this.isCamera && stream.getVideoTracks()[0]?.getSettings().facingMode !== "environment";
    this.deviceId = stream?.getVideoTracks()[0]?.getSettings().deviceId;
    this.#watchForTheEnd(stream);
  }

  /** Called with why, when there will be no more pictures. */
  onend = () => {};

  /**
   * Call `look(timeMs, takenMs)` for each new picture: the source's own time, which always rises,
   * and when it was taken by the clock of `performance.now()`.
   */
  watch(look) {
    let last = -Infinity;
    const next = (now, about) => {
      if (this.#stopped) return;
      const taken = about.captureTime ?? now;
      const time = this.isCamera ? taken : about.mediaTime * 1000;
      if (time > last) {
        last = time;
        look(time, taken);
      }
      this.video.requestVideoFrameCallback(next);
    };
    if (this.video.requestVideoFrameCallback) this.video.requestVideoFrameCallback(next);
    else this.#watchByTheScreen(look);
  }

  stop() {
    this.#stopped = true;
    release(this.video);
  }

  #watchForTheEnd(stream) {
    const ended = (why) => { if (!this.#stopped) this.onend(why); };
    stream?.getVideoTracks()[0]?.addEventListener("ended", () => ended("The camera was unplugged, or taken away. Start again."));
    this.video.addEventListener("ended", () => ended(""));
    this.video.addEventListener("error", () => ended("The film cannot be played further. It may be damaged."));
  }

  /** Where a browser tells nothing of new pictures: look at each turn of the screen. */
  #watchByTheScreen(look) {
    let last = -1;
    const next = (now) => {
      if (this.#stopped) return;
      if (this.video.currentTime > last) {
        last = this.video.currentTime;
        look(this.isCamera ? now : last * 1000, now);
      }
      requestAnimationFrame(next);
    };
    requestAnimationFrame(next);
  }
}
