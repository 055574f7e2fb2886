/**
 * A folder as one file: gzipped tar, a manifest first, and whatever is read back is held against it.
 *
 * The archive appears under its name only when it is complete and on disk, readable by its owner only. Reading one makes
 * nothing but the files and folders of its manifest, with the bytes that were put in, or fails.
 */

import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable, Transform, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import { createTarDecoder, createTarPacker, type ParsedTarEntry, type TarPackController } from 'modern-tar';
import { z } from 'zod';
import { CommandError } from './failures.ts';

/** Layout of archives; a reader refuses any other. */
const format = 1;
const manifestName = 'manifest.json';
/** Some hundred bytes for each of 500 000 files. */
const manifestBytesMax = 100 * 1024 * 1024;

/** Relative, with slashes, below the folder. */
const path = z.string().regex(/^(?!\.{1,2}(\/|$))[^/\0]+(\/(?!\.{1,2}(\/|$))[^/\0]+)*$/);

const manifestSchema = z.object({
  format: z.literal(format),
  /** Of the program that made it. */
  version: z.string(),
  created_at: z.iso.datetime(),
  /** Whether the key that opens the data is in the archive. */
  encryption_key: z.enum(['included', 'elsewhere']),
  /** Empty ones too: the database needs them. Parents first. */
  folders: z.array(path),
  files: z.array(z.object({ path, bytes: z.int().min(0), sha256: z.string().regex(/^[0-9a-f]{64}$/) })),
});

/** What an archive holds. */
export type Manifest = z.output<typeof manifestSchema>;

type ManifestFile = Manifest['files'][number];

/**
 * Writes `folder` into a new file `target`, which nobody else may be changing meanwhile.
 * @param isIncluded of a path relative to the folder.
 * @throws when `target` exists.
 */
export async function writeArchive(
  folder: string,
  target: string,
  facts: Pick<Manifest, 'version' | 'created_at' | 'encryption_key'>,
  isIncluded: (path: string) => boolean,
): Promise<Manifest> {
  const { files: paths, folders } = await contentsOf(folder, isIncluded);
  const files: ManifestFile[] = [];
  for (const path of paths) files.push({ path, ...(await fingerprintOf(join(folder, path))) });
  const manifest: Manifest = { format, ...facts, folders, files };

  const { readable, controller } = createTarPacker();
  const out = createWriteStream(target, { flags: 'wx', mode: 0o600, flush: true });
  const written = pipeline(Readable.fromWeb(readable), createGzip(), out);
  try {
    // Whichever fails first tells why; the other then waits for nobody.
    await Promise.all([written, pack(folder, manifest, controller)]);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') await rm(target, { force: true });
    throw error;
  }
  return manifest;
}

async function pack(folder: string, manifest: Manifest, controller: TarPackController): Promise<void> {
  try {
    const json = Buffer.from(JSON.stringify(manifest));
    await addFile(controller, manifestName, json.length, Readable.from([json]));
    for (const path of manifest.folders) {
      await controller.add({ name: `${path}/`, type: 'directory', mode: 0o700, size: 0 }).close();
    }
    for (const { path, bytes } of manifest.files) {
      await addFile(controller, path, bytes, createReadStream(join(folder, path)));
    }
    controller.finalize();
  } catch (error) {
    controller.error(error);
    throw error;
  }
}

async function addFile(controller: TarPackController, name: string, size: number, content: Readable): Promise<void> {
  const entry = controller.add({ name, type: 'file', mode: 0o600, size });
  await pipeline(content, Writable.fromWeb(entry));
}

/**
 * Unpacks an archive into a folder that exists and is empty.
 * @throws {CommandError} when it is not a whole archive of ours; the folder then holds rubbish.
 */
export async function readArchive(source: string, folder: string): Promise<Manifest> {
  const bytes = Readable.toWeb(createReadStream(source).pipe(createGunzip()));
  const entries = bytes.pipeThrough(createTarDecoder({ strict: true }))[Symbol.asyncIterator]();
  try {
    const first = await entries.next();
    if (first.done === true) throw new Error('It is empty.');
    const manifest = await readManifest(first.value);
    const missing = new Map(manifest.files.map((file) => [file.path, file]));
    for (const path of manifest.folders) await mkdir(join(folder, path), { mode: 0o700 });
    for await (const { header, body } of { [Symbol.asyncIterator]: () => entries }) {
      const file = missing.get(header.name);
      if (header.type === 'directory' && manifest.folders.includes(header.name.replace(/\/$/, ''))) {
        await body.cancel();
        continue;
      }
      if (header.type !== 'file' || file === undefined) throw new Error(`"${header.name}" is not in its manifest.`);
      await extract(body, join(folder, file.path), file);
      missing.delete(file.path);
    }
    const [lost] = missing.keys();
    if (lost !== undefined) throw new Error(`"${lost}" is missing.`);
    return manifest;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).syscall !== undefined) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw new CommandError('usage', `${source} is not a whole backup: ${why}`, { cause: error });
  }
}

async function readManifest({ header, body }: ParsedTarEntry): Promise<Manifest> {
  if (header.name !== manifestName || header.size > manifestBytesMax)
    throw new Error('It does not begin with a manifest.');
  const manifest = manifestSchema.safeParse(JSON.parse(await new Response(body).text()));
  if (!manifest.success) throw new Error('Its manifest is of another version of this program, or damaged.');
  return manifest.data;
}

async function extract(body: ReadableStream<Uint8Array>, target: string, file: ManifestFile): Promise<void> {
  const digest = digesting();
  await pipeline(
    Readable.fromWeb(body),
    digest.stream,
    createWriteStream(target, { flags: 'wx', mode: 0o600, flush: true }),
  );
  const { bytes, sha256 } = digest.result();
  if (bytes !== file.bytes || sha256 !== file.sha256) throw new Error(`"${file.path}" is damaged.`);
}

async function fingerprintOf(file: string): Promise<Pick<ManifestFile, 'bytes' | 'sha256'>> {
  const digest = digesting();
  await pipeline(createReadStream(file), digest.stream, new Writable({ write: (_chunk, _encoding, done) => done() }));
  return digest.result();
}

/** Passes bytes through and takes their fingerprint. */
function digesting() {
  const hash = createHash('sha256');
  let bytes = 0;
  const stream = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      bytes += chunk.length;
      done(null, chunk);
    },
  });
  return { stream, result: () => ({ bytes, sha256: hash.digest('hex') }) };
}

/** All files and folders below a folder, sorted, folders before what is in them. What is neither is an error. */
async function contentsOf(folder: string, isIncluded: (path: string) => boolean) {
  const [files, folders]: [string[], string[]] = [[], []];
  async function visit(below: string): Promise<void> {
    for (const name of (await readdir(join(folder, below))).sort()) {
      const path = below === '' ? name : `${below}/${name}`;
      if (!isIncluded(path)) continue;
      const entry = await stat(join(folder, path));
      if (entry.isFile()) files.push(path);
      else if (entry.isDirectory()) {
        folders.push(path);
        await visit(path);
      } else throw new CommandError('notConfigured', `${join(folder, path)} is neither file nor folder; remove it.`);
    }
  }
  await visit('');
  return { files, folders };
}
