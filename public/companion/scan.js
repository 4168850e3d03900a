// Reads a QR code from the camera: the browser's own detector where there is one, else the `qr` library.
const SCAN_EVERY_MS = 150;

async function makeDetector() {
  if ('BarcodeDetector' in window) {
    const formats = await BarcodeDetector.getSupportedFormats().catch(() => []);
    if (formats.includes('qr_code')) {
      const detector = new BarcodeDetector({ formats: ['qr_code'] });
      return async (video) => (await detector.detect(video))[0]?.rawValue;
    }
  }
  const { default: decode } = await import('/app/vendor/decode.js');
  const canvas = document.createElement('canvas');
  const context = canvas.getContext('2d', { willReadFrequently: true });
  return async (video) => {
    canvas.width = video.videoWidth;
    canvas.height = video.videoHeight;
    context.drawImage(video, 0, 0);
    try {
      return decode(context.getImageData(0, 0, canvas.width, canvas.height));
    } catch {
      return undefined; // no code in this picture
    }
  };
}

/**
 * Shows the camera in `video` and calls `onText` with each text that is read, until it returns true.
 * @returns how to stop; rejects with NotAllowedError or NotFoundError where there is no camera to use
 */
export async function scan(video, onText) {
  const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment' }, audio: false });
  let isStopped = false;
  const stop = () => {
    isStopped = true;
    for (const track of stream.getTracks()) track.stop();
    video.srcObject = null;
  };
  video.srcObject = stream;
  await video.play();
  const detect = await makeDetector();
  const look = async () => {
    if (isStopped) return;
    const text = video.videoWidth > 0 ? await detect(video).catch(() => undefined) : undefined;
    if (!isStopped && text && (await onText(text))) return stop();
    setTimeout(look, SCAN_EVERY_MS);
  };
  void look();
  return stop;
}
