/** Certificates for test servers, of an authority that nobody else trusts. Written as DER by hand, which takes no program and no package. */

import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';

/** A certificate and its private key, as PEM. */
export interface Certified {
  readonly cert: string;
  readonly key: string;
}

/** What a certificate says. */
export interface Issue {
  /** Names of hosts that it is for. */
  readonly names: readonly string[];
  /** When it expires; a day from now by default. */
  readonly expiresAt?: Date;
}

/** Signs certificates. */
export interface Authority {
  /** What those trust who trust it, as PEM. */
  readonly cert: string;
  readonly issue: (issue: Issue) => Certified;
}

const dayMs = 24 * 60 * 60 * 1000;
/** ecdsa-with-SHA256 (RFC 5758). */
const algorithm = '300a06082a8648ce3d040302';
const commonName = '0603550403';
const basicConstraints = '0603551d13';
const subjectAltName = '0603551d11';

/** A new authority, for this process. */
export function newAuthority(): Authority {
  const name = `Authority of tests ${randomBytes(4).toString('hex')}`;
  const { privateKey, publicKey } = pair();
  const signed = (subject: string, key: KeyObject, extension: Buffer, expiresAt = new Date(Date.now() + dayMs)) => {
    const body = sequence(
      tagged(0xa0, hex('020102')),
      tagged(0x02, Buffer.concat([hex('01'), randomBytes(8)])),
      hex(algorithm),
      named(name),
      sequence(time(new Date(expiresAt.getTime() - 2 * dayMs)), time(expiresAt)),
      named(subject),
      key.export({ type: 'spki', format: 'der' }),
      tagged(0xa3, sequence(extension)),
    );
    const signature = tagged(0x03, Buffer.concat([hex('00'), sign('sha256', body, privateKey)]));
    const base64 = sequence(body, hex(algorithm), signature).toString('base64');
    return `-----BEGIN CERTIFICATE-----\n${base64.match(/.{1,64}/g)?.join('\n')}\n-----END CERTIFICATE-----\n`;
  };
  return {
    cert: signed(name, publicKey, sequence(hex(basicConstraints), hex('0101ff'), tagged(0x04, hex('30030101ff')))),
    issue({ names, expiresAt }) {
      const own = pair();
      const hosts = sequence(...names.map((host) => tagged(0x82, Buffer.from(host))));
      const extension = sequence(hex(subjectAltName), tagged(0x04, hosts));
      return {
        cert: signed(names[0] ?? '', own.publicKey, extension, expiresAt),
        key: own.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      };
    },
  };
}

const pair = () => generateKeyPairSync('ec', { namedCurve: 'P-256' });
const hex = (text: string) => Buffer.from(text, 'hex');
const sequence = (...parts: readonly Buffer[]) => tagged(0x30, Buffer.concat(parts));
const named = (name: string) => sequence(tagged(0x31, sequence(hex(commonName), tagged(0x0c, Buffer.from(name)))));
/** UTCTime, which is good until 2049. */
const time = (at: Date) => tagged(0x17, Buffer.from(`${at.toISOString().slice(2, 19).replaceAll(/[-:T]/g, '')}Z`));

function tagged(tag: number, content: Buffer): Buffer {
  return Buffer.concat([Buffer.from([tag, ...lengthOf(content)]), content]);
}

/** As short as it can be written, up to 65,535. */
function lengthOf({ length }: Buffer): readonly number[] {
  if (length < 0x80) return [length];
  return length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
}
