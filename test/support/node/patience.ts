/**
 * Bounds on time in tests are written for a quiet machine. One that is as many times slower may need as many times longer, and a test that
 * fails there says nothing about the code: bounds are to tell what never comes from what comes.
 */
export const PATIENCE = 4
