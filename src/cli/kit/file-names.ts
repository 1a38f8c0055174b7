/** Ends the name of a file that is being written: it gets its own name once it is whole. PURE. */
export const UNWRITTEN = '.new'
