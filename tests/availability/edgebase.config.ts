import { defineConfig } from '@edge-base/shared';

export default defineConfig({
  release: true,
  rateLimiting: {
    db: { requests: 1000000000, window: '1s' },
    global: { requests: 1000000000, window: '1s' },
  },
  databases: {
    'user:{id}': {
      access: { canCreate: true, access: true },
      tables: {
        notes: {
          schema: { title: { type: 'string', required: true } },
          access: { read: true, insert: true, update: true, delete: true },
        },
      },
    },
  },
});
