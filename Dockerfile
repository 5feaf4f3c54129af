# Builds with Docker's classic builder as well as with BuildKit. A machine that cannot pull the base image makes one
# with the same name: scripts/build-base-image.sh (docs/docker.md).
FROM node:24-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json ./
# Without install scripts: the image has its Node.js, and LevelDB comes ready built.
RUN npm ci --ignore-scripts --prefer-offline --no-audit --no-fund
COPY tsconfig.base.json tsconfig.json vite.dashboard.config.ts ./
COPY cluster cluster
COPY src src
RUN npm run build

FROM node:24-bookworm-slim AS modules
WORKDIR /modules
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts --prefer-offline --no-audit --no-fund

FROM node:24-bookworm-slim
WORKDIR /opt/flockmq
COPY package.json LICENSE ./
COPY --from=modules /modules/node_modules node_modules
COPY --from=build /build/dist dist
# Volumes take their owner from these directories. /shared is for what the nodes of one machine have in common.
RUN chmod 755 dist/node.js dist/cli/cluster.js \
  && ln -s /opt/flockmq/dist/node.js /usr/local/bin/flockmq \
  && ln -s /opt/flockmq/dist/cli/cluster.js /usr/local/bin/cluster \
  && mkdir /data /shared \
  && chown 1000:1000 /data /shared
# A port on a container's loopback cannot be published, hence 0.0.0.0. The node refuses that until it is told
# FLOCKMQ_ALLOW_ANONYMOUS=on: who lets everybody in should know it.
# One directory by name: a second container on the same volume must fail, not start as another node beside the first.
ENV NODE_ENV=production \
  FLOCKMQ_DATA_ROOT=/data \
  FLOCKMQ_DATA_DIR=/data/node \
  FLOCKMQ_MQTT=0.0.0.0:1883 \
  FLOCKMQ_WS=0.0.0.0:8083 \
  FLOCKMQ_HTTP=0.0.0.0:8080 \
  FLOCKMQ_PEER=0.0.0.0:7001
USER 1000:1000
VOLUME /data
EXPOSE 1883 8083 8080 7001
STOPSIGNAL SIGTERM
# Exit 1 says that some replica lags or is away. That is seldom this node's fault and never mended by restarting it, so
# only a node that does not answer (exit 2) is unhealthy.
HEALTHCHECK --interval=15s --timeout=10s --start-period=60s --retries=3 \
  CMD cluster status >/dev/null; test $? -lt 2
ENTRYPOINT ["node", "/opt/flockmq/dist/node.js"]
