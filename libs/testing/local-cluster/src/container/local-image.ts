import { posix, resolve } from 'node:path';
import { err, ok, toError, type Result } from '@weft/result';

/** What stands in for an image, as images are not used here: files of this machine and the command to run. */
export interface LocalImage {
  /** The command of containers that name none; their `args` follow it. */
  readonly entrypoint: readonly string[];
  /** Files and folders of this machine by the absolute path at which containers see them, read-only. */
  readonly files: Readonly<Record<string, string>>;
}

/** By image name: with its tag or digest for that one alone, without for all of them. */
export type LocalImages = Readonly<Record<string, LocalImage>>;

/** The stand-in for an image reference such as `registry.example/echo:v1@sha256:...`; the more exact name wins. */
export function localImageOf(images: LocalImages, reference: string): LocalImage | undefined {
  const untagged = reference.replace(/@[^@]*$/, '');
  const name = untagged.replace(/:[^:/]*$/, '');
  const key = [reference, untagged, name].find((candidate) => Object.hasOwn(images, candidate));
  return key === undefined ? undefined : images[key];
}

/**
 * Reads `{ "<image>": { "entrypoint": ["/echo"], "files": { "/echo": "bin/echo" } } }`. Sources are relative to `folder`, the
 * one that holds the file. An error names image and field, and what is wanted.
 */
export function parseLocalImages(text: string, folder: string): Result<LocalImages, string> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (thrown) {
    return err(`not JSON: ${toError(thrown).message}`);
  }
  if (!isRecord(parsed)) return err('want an object of images by name');
  const images: [string, LocalImage][] = [];
  for (const [name, value] of Object.entries(parsed)) {
    const image = readImage(value, folder);
    if (!image.ok) return err(`${JSON.stringify(name)}: ${image.error}`);
    images.push([name, image.value]);
  }
  return ok(Object.fromEntries(images));
}

function readImage(value: unknown, folder: string): Result<LocalImage, string> {
  if (!isRecord(value)) return err('want an object with entrypoint and files');
  const { entrypoint, files = {}, ...unknown } = value;
  const [stray] = Object.keys(unknown);
  if (stray !== undefined) return err(`${stray}: no such field; there are entrypoint and files`);
  if (!Array.isArray(entrypoint) || entrypoint.length === 0 || !entrypoint.every(isText))
    return err('entrypoint: want a list of words, the first of which is the program');
  if (!isRecord(files)) return err('files: want an object of paths here by paths in the container');
  const sources: [string, string][] = [];
  for (const [target, source] of Object.entries(files)) {
    const path = `files[${JSON.stringify(target)}]`;
    if (!posix.isAbsolute(target)) return err(`${path}: the path in the container must be absolute`);
    if (!isText(source) || source === '') return err(`${path}: want the path of a file here`);
    sources.push([target, resolve(folder, source)]);
  }
  return ok({ entrypoint, files: Object.fromEntries(sources) });
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}
