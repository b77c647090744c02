// Personal notes and a shared blog: one database per user, and one for everybody.
import { defineConfig } from '@edge-base/shared';

export default defineConfig({
  databases: {
    // One database per user. The id in the URL must be the caller's own.
    user: {
      instance: true,
      access: {
        canCreate(auth, id) { return auth?.id === id },
        access(auth, id) { return auth?.id === id },
        delete(auth, id) { return auth?.id === id },
      },
      tables: {
        notes: { schema: { title: 'string', body: 'text' } },
        settings: { schema: { theme: 'string', lang: 'string' } },
      },
    },

    // One database for all. Drafts are visible to their author only.
    app: {
      tables: {
        posts: {
          schema: {
            title: { type: 'string', required: true },
            body: 'text',
            authorId: 'string',
            status: { type: 'string', enum: ['draft', 'published'], default: 'draft' },
          },
          access: {
            read(auth, row) { return row.status === 'published' || auth?.id === row.authorId },
            insert(auth) { return auth !== null },
            update(auth, row) { return auth?.id === row.authorId },
            delete(auth, row) { return auth?.id === row.authorId || auth?.role === 'admin' },
          },
        },
      },
    },
  },
});
