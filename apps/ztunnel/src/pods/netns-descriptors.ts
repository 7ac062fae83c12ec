import { closeDescriptor, duplicateDescriptor, netnsIdentity } from '@weft/linux';
import type { Descriptors } from './pod-registry.js';

/** Of real network namespaces. */
export const NETNS_DESCRIPTORS: Descriptors = {
  duplicate: duplicateDescriptor,
  close: closeDescriptor,
  identity: (fd) => {
    const { device, inode } = netnsIdentity(fd);
    return `${device}:${inode}`;
  },
};
