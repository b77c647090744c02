// What the benchmarks run on: rules as applications write them, on every path that is measured.
import { defineConfig } from '@edge-base/shared';

const note = {
  title: { type: 'string', required: true },
  body: 'text',
  ownerId: 'string',
  rank: 'number',
  done: 'boolean',
} as const;

const signedIn = (auth) => auth !== null;

// A rule that looks at every row.
const owned = {
  read: (auth, row) => auth !== null && row.ownerId === auth.id,
  insert: signedIn,
  update: (auth, row) => auth !== null && row.ownerId === auth.id,
  delete: (auth, row) => auth !== null && row.ownerId === auth.id,
};

// The same table under rules that look at none.
const open = { read: true, insert: true, update: true, delete: true } as const;

export default defineConfig({
  release: true,
  rateLimiting: {
    db: { requests: 1000000000, window: '1s' },
    global: { requests: 1000000000, window: '1s' },
  },
  databases: {
    'space:{id}': {
      access: {
        canCreate: signedIn,
        access: signedIn,
      },
      tables: {
        notes: { schema: note, access: owned },
        open: { schema: note, access: open },
        large: { schema: note, indexes: [{ fields: ['ownerId'] }], access: owned },
      },
    },
    'workspace:{id}': {
      access: {
        canCreate: signedIn,
        async access(auth, id, ctx) {
          const member = await ctx.db.get('members', auth.id);
          return member !== null;
        },
      },
      tables: {
        notes: { schema: note, access: owned },
        members: { schema: { role: 'string' }, access: { read: signedIn } },
      },
    },
  },
});
