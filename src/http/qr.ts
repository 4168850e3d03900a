import QRCode from 'qrcode';

/** A QR code as SVG, with its quiet zone and without colours of its own: CSS gives them, in dark mode too. */
export async function qrSvg(text: string): Promise<string> {
  const svg = await QRCode.toString(text, { type: 'svg', errorCorrectionLevel: 'M', margin: 4 });
  return svg.replace('<svg ', '<svg class="qr" aria-hidden="true" focusable="false" ').replace(/\s*$/, '');
}
