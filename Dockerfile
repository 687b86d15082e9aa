# syntax=docker/dockerfile:1
#
# docker build --tag paygate-processor .
#
# The same sources and base images give the same files: packages come from package-lock.json, the steps are scripts/image.sh.
# For the same bytes pin the two images by digest and set the times:
#   docker buildx build --build-arg NODE_IMAGE=node:24.21.0-trixie-slim@sha256:… --build-arg BASE_IMAGE=debian:trixie-slim@sha256:… \
#     --build-arg SOURCE_DATE_EPOCH=$(git log -1 --format=%ct) --output type=image,rewrite-timestamp=true .
ARG NODE_IMAGE=node:24.21.0-trixie-slim
ARG BASE_IMAGE=debian:trixie-slim
ARG TEST_IMAGE=node:24.21.0-bookworm-slim

FROM ${NODE_IMAGE} AS manifest
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
COPY scripts/image.sh scripts/

# What runs, without what compiles and tests.
FROM manifest AS packages
RUN --mount=type=cache,target=/root/.npm sh scripts/image.sh packages /app

FROM manifest AS build
RUN --mount=type=cache,target=/root/.npm sh scripts/image.sh install
COPY LICENSE NOTICE tsconfig.json tsconfig.build.json ./
COPY scripts scripts
COPY migrations migrations
COPY src src
RUN sh scripts/image.sh build /app

# docker-compose.dev.yml: sources are mounted over /build/src, a change restarts the node.
FROM build AS development
RUN chown -R node:node /build
USER node
ENV HTTP_HOST=0.0.0.0 HTTP_PORT=9464
ENTRYPOINT ["node", "dist/cli/main.js"]
CMD ["node"]
HEALTHCHECK --interval=5s --timeout=3s --start-period=60s --retries=3 CMD ["node", "dist/cli/main.js", "health"]

# docker-compose.test.yml: with the servers that the tests start, stop and break.
FROM ${TEST_IMAGE} AS tests
RUN apt-get update \
  && printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d && chmod 755 /usr/sbin/policy-rc.d \
  && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends \
  git postgresql rabbitmq-server redis-server prometheus chromium procps spin gcc libc6-dev \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
COPY scripts/image.sh scripts/
RUN --mount=type=cache,target=/root/.npm sh scripts/image.sh install
COPY . .
ENTRYPOINT ["npm", "test", "--"]

# Node itself and nothing of npm; Debian's libraries are those that Node was built for. Nothing here is written to while it runs.
FROM ${BASE_IMAGE} AS runtime
COPY --from=packages /usr/local/bin/node /usr/local/bin/node
COPY --from=packages /app /app
COPY --from=build /app /app
ENV NODE_ENV=production PATH=/app/bin:$PATH HTTP_HOST=0.0.0.0 HTTP_PORT=9464
WORKDIR /app
# A number, so that Kubernetes can see that it is not root.
USER 10001:10001
EXPOSE 9464
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s --retries=3 CMD ["paygate", "health"]
ENTRYPOINT ["paygate"]
CMD ["node"]
