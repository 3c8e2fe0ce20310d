// Makes JPEGs beside the page, which would be late with everything else otherwise.

let canvas = null;

self.addEventListener("message", async ({ data: { number, image, quality } }) => {
  if (canvas?.width !== image.width || canvas?.height !== image.height) {
    canvas = new OffscreenCanvas(image.width, image.height);
  }
  canvas.getContext("2d", { alpha: false, willReadFrequently: true }).putImageData(image, 0, 0);
  const blob = await canvas.convertToBlob({ type: "image/jpeg", quality });
  const jpeg = await blob.arrayBuffer();
  self.postMessage({ number, jpeg }, [jpeg]);
});
