import { z } from 'zod';
import { ensureError } from '../../domain/errors.ts';

/** JSON as it stands in Redis, of this shape: whatever stands there was written by somebody. */
export function jsonText<T>(shape: z.ZodType<T>) {
  return z
    .string()
    .transform((text, context): unknown => {
      try {
        return JSON.parse(text);
      } catch (error) {
        context.addIssue(ensureError(error).message);
        return z.NEVER;
      }
    })
    .pipe(shape);
}
