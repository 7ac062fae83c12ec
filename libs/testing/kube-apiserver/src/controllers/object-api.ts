import type { JsonObject, ResourceInfo } from '@weft/testing-kube-schema';
import { SYSTEM_USER } from '../auth/user-info.js';
import type { KubeObject } from '../kube-object.js';
import { createObject } from '../objects/create-object.js';
import { deleteObject, type DeleteOptions } from '../objects/delete-object.js';
import { updateObject } from '../objects/update-object.js';
import type { WriteContext, WriteOptions } from '../objects/write-context.js';
import { StatusError } from '../status-error.js';

const OPTIONS: WriteOptions = {
  user: SYSTEM_USER,
  manager: 'kube-apiserver',
  dryRun: false,
  fieldValidation: 'Ignore',
  warn: () => undefined,
};

/** Writes of the server's own controllers: the same way that clients' writes take, without HTTP. */
export class ObjectApi {
  constructor(readonly context: WriteContext) {}

  /** Creates the object unless one of that name is there. True when it was created. */
  async ensure(info: ResourceInfo, namespace: string, body: JsonObject): Promise<boolean> {
    try {
      await createObject(this.context, { info, namespace, body, options: OPTIONS });
      return true;
    } catch (cause) {
      if (cause instanceof StatusError && cause.reason === 'AlreadyExists') return false;
      throw cause;
    }
  }

  /** Changes an object; does nothing when it has gone. */
  async update(
    info: ResourceInfo,
    at: { readonly namespace: string; readonly name: string; readonly subresource?: string },
    change: (live: KubeObject) => JsonObject | null,
  ): Promise<void> {
    await ignoreMissing(
      updateObject(this.context, {
        info,
        namespace: at.namespace,
        name: at.name,
        subresource: at.subresource ?? '',
        change: (live) => {
          const object = change(live);
          return object === null ? null : { object };
        },
        options: OPTIONS,
      }),
    );
  }

  /** Deletes an object; does nothing when it has gone. */
  async remove(info: ResourceInfo, namespace: string, name: string, deleteOptions: DeleteOptions): Promise<void> {
    await ignoreMissing(deleteObject(this.context, { info, namespace, name, deleteOptions, options: OPTIONS }));
  }
}

async function ignoreMissing(work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (cause) {
    if (!(cause instanceof StatusError) || (cause.reason !== 'NotFound' && cause.reason !== 'Conflict')) throw cause;
  }
}
