// A product for teams: one database per workspace, and who may use which is a row.
import { defineConfig } from '@edge-base/shared';

export default defineConfig({
  // What no rule allows is denied.
  release: true,
  rateLimiting: { db: { requests: 5000, window: '60s' } },

  databases: {
    // Who belongs where. No rule allows anything here, so only your own server, with the service
    // key, reads and writes it; rules may look into it all the same.
    directory: {
      tables: {
        // The id is `<user>:<workspace>`.
        workspace_members: {
          schema: { active: { type: 'boolean', default: true }, role: { type: 'string', enum: ['member', 'owner'], default: 'member' } },
          access: { read: false, insert: false, update: false, delete: false },
        },
      },
    },

    'workspace:{id}': {
      access: {
        // Paying users start workspaces; the plan is a claim of their token.
        canCreate(auth) { return auth?.custom?.plan === 'pro' },
        // Asked on every request and never cached: remove the row, and the next one is refused.
        async access(auth, id, ctx) {
          if (auth === null) return false;
          const member = await ctx.db.get('workspace_members', `${auth.id}:${id}`);
          return member?.active === true;
        },
        delete(auth) { return auth?.role === 'admin' },
      },
      tables: {
        documents: {
          schema: { title: { type: 'string', required: true }, body: 'text', authorId: 'string' },
          access: {
            read: true,
            insert(auth) { return auth !== null },
            update: true,
            delete(auth, row) { return auth?.id === row.authorId },
          },
          fts: ['title', 'body'],
        },
        invoices: {
          schema: {
            number: { type: 'string', required: true, unique: true },
            amount: { type: 'number', required: true, min: 0 },
            status: { type: 'string', enum: ['open', 'paid'], default: 'open' },
          },
          // Everybody in the workspace sees them; your billing server writes them.
          access: { read: true, insert: false, update: false, delete: false },
        },
      },
    },
  },
});
