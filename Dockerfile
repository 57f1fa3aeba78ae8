# A server of collections and embeddings: docs/deployment.md says how to build and run it.

FROM swift:6.2-bookworm AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        libcurl4-openssl-dev libdnnl-dev liblapacke-dev libpng-dev libsqlite3-dev libxml2-dev zlib1g-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN swift build -c release --static-swift-stdlib --product kukla \
    && install -D --strip .build/release/kukla /out/kukla

FROM debian:bookworm-slim
# What the binary links beside the Swift runtime, which is in it.
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        ca-certificates libcurl4 libdnnl2 liblapacke libpng16-16 libsqlite3-0 libstdc++6 zlib1g \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --user-group --home-dir /var/lib/kukla --create-home --shell /usr/sbin/nologin kukla
COPY --from=build /out/kukla /usr/local/bin/kukla
USER 10001:10001
WORKDIR /var/lib/kukla
VOLUME /var/lib/kukla
EXPOSE 8080
STOPSIGNAL SIGTERM
# The image has no HTTP client; bash can open a connection by itself.
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s \
    CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8080 && printf 'GET /healthz HTTP/1.1\\r\\nhost: localhost\\r\\nconnection: close\\r\\n\\r\\n' >&3 && read -r _ code _ <&3 && [ \"$code\" = 200 ]"]
ENTRYPOINT ["kukla"]
# A container is reached from outside itself, so the server wants keys: `kukla keys add /var/lib/kukla/store` first.
CMD ["serve", "--data", "/var/lib/kukla/store", "--host", "0.0.0.0", "--log-format", "json"]
