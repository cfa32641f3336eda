import type { Socket } from 'node:net';

/** First bytes that an HTTP/2 client sends (RFC 9113, section 3.4). A SETTINGS frame follows. */
const firstBytes = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const frameHeaderBytes = 9;
const settingsFrame = 4;
/** Limit of a SETTINGS frame. Clients send fewer than ten settings of 6 bytes each. */
const maximumSettingsBytes = 1024;

/**
 * Waits until a client has sent its whole preface: the first bytes and its settings. All bytes stay in the stream.
 *
 * @param milliseconds time for the whole preface
 * @throws Error when the bytes are not a preface, the connection ends, or the time is over
 */
export async function awaitPreface(socket: Socket, milliseconds: number): Promise<void> {
  let received = Buffer.alloc(0);
  await new Promise<void>((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      socket.off('readable', look).off('close', end).off('end', end);
    };
    const end = (): void => {
      stop();
      reject(new Error('the connection did not begin to speak HTTP/2'));
    };
    const look = (): void => {
      for (let piece = read(socket); piece !== null; piece = read(socket)) received = Buffer.concat([received, piece]);
      const isWhole = checkPreface(received);
      if (isWhole === undefined) end();
      else if (isWhole) {
        stop();
        resolve();
      }
    };
    const timer = setTimeout(end, milliseconds);
    socket.on('readable', look).once('close', end).once('end', end);
  });
  socket.unshift(received);
}

function read(socket: Socket): Buffer | null {
  return socket.read() as Buffer | null;
}

/** Returns whether bytes begin with a whole preface; undefined when they cannot become one. */
function checkPreface(bytes: Buffer): boolean | undefined {
  const known = Math.min(bytes.byteLength, firstBytes.byteLength);
  if (!bytes.subarray(0, known).equals(firstBytes.subarray(0, known))) return undefined;
  if (bytes.byteLength < firstBytes.byteLength + frameHeaderBytes) return false;
  const settingsBytes = bytes.readUIntBE(firstBytes.byteLength, 3);
  if (bytes[firstBytes.byteLength + 3] !== settingsFrame || settingsBytes > maximumSettingsBytes) return undefined;
  return bytes.byteLength >= firstBytes.byteLength + frameHeaderBytes + settingsBytes;
}
