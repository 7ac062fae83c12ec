/** What is promised for changes of policy and for revocation: connections that must not be any more end within this time. */
export const AT_ONCE_MS = 1000;
