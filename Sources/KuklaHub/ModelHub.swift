public import Foundation
public import KuklaNumerics

/// Fetches model folders from the Hugging Face hub, or a mirror of it, into a cache folder.
///
/// A model's folder appears all at once, by rename, when every file has arrived and been checked: a folder
/// that is there is complete. A fetch that was stopped goes on where it stopped.
public struct ModelHub: Sendable, CustomStringConvertible {
    /// The hub itself.
    public static let defaultEndpoint = "https://huggingface.co"

    /// A model folder in the cache.
    public struct Model: Sendable, Equatable {
        public var folder: URL
        /// The commit that the files belong to.
        public var commit: String
        public var fileCount: Int
        public var totalBytes: Int
        /// Whether it was there already, and verified, so that nothing was fetched.
        public var wasCached: Bool
    }

    private let cache: URL
    private let endpoint: URL
    private let token: Secret?
    private let policy: RetryPolicy
    private let idleTimeout: Double

    /// Shows no token.
    public var description: String { "ModelHub(\(endpoint.absoluteString), cache: \(cache.path))" }

    /// - Parameters:
    ///   - cache: models lie in its subfolder `models`.
    ///   - endpoint: the address of the hub (the command line passes `HF_ENDPOINT`).
    ///   - token: for private and gated models (`HF_TOKEN`); sent to the endpoint only, never shown.
    /// - Throws: `KuklaError.usage` where the endpoint is no http(s) address, the token cannot be one, or the
    ///   token would cross a network unencrypted.
    public init(
        cache: URL, endpoint: String = ModelHub.defaultEndpoint, token: String? = nil
    ) throws(KuklaError) {
        try self.init(cache: cache, endpoint: endpoint, token: token, firstDelay: 0.5, idleTimeout: 60)
    }

    /// With the waits that tests cannot afford made short.
    package init(
        cache: URL, endpoint: String, token: String?, firstDelay: Double, idleTimeout: Double
    ) throws(KuklaError) {
        var text = endpoint
        while text.hasSuffix("/") { text.removeLast() }
        guard let url = URL(string: text), let host = url.host, !host.isEmpty,
            let scheme = url.scheme?.lowercased(), ["http", "https"].contains(scheme)
        else {
            throw KuklaError(
                .usage,
                "the hub's address '\(endpoint)' is not one; expected something like \(Self.defaultEndpoint)")
        }
        let token = token.flatMap { $0.isEmpty ? nil : $0 }
        if let token {
            guard token.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
                throw KuklaError(
                    .usage,
                    "the hub's token holds blanks or other characters that no token has; copy it again")
            }
            guard scheme == "https" || ["127.0.0.1", "localhost", "::1"].contains(host) else {
                throw KuklaError(
                    .usage,
                    "the token would travel to \(host) unencrypted; use an https address, or no token")
            }
        }
        self.cache = cache
        self.endpoint = url
        self.token = token.map(Secret.init)
        policy = RetryPolicy(firstDelay: firstDelay)
        self.idleTimeout = idleTimeout
    }

    /// Where a model's folder is or would be: `CACHE/models/ORG--NAME`.
    public func folder(for model: ModelIdentifier) -> URL { Self.folder(for: model, cache: cache) }

    /// Where a model's folder is or would be below a cache folder: `CACHE/models/ORG--NAME`.
    public static func folder(for model: ModelIdentifier, cache: URL) -> URL {
        cache.appending(path: "models/\(model.folderName)")
    }

    /// Makes sure that a model lies in the cache, and says where.
    ///
    /// One that is there is verified against the checksums of its first fetch, without a network; damaged
    /// files are fetched again. Otherwise fetches what running it needs, and nothing else.
    ///
    /// - Parameter revision: a branch, a tag or a commit.
    /// - Throws: `KuklaError.network` where the hub cannot be reached or refuses, `.badData` where what it
    ///   sends is wrong, `.inputOutput` where the disk is full or another process fetches the same model,
    ///   `.unsupported` where the model has no safetensors weights, `.cancelled` where the task was.
    public func get(
        _ model: ModelIdentifier, revision: String = "main",
        progress: any ProgressReporter = SilentProgress()
    ) async throws(KuklaError) -> Model {
        guard revision.wholeMatch(of: /[A-Za-z0-9][A-Za-z0-9._\/-]*/) != nil, !revision.contains(".."),
            revision.utf8.count <= 200
        else {
            throw KuklaError(
                .usage, "'\(revision)' is not a revision; expected a branch, a tag or a commit, like main")
        }
        let old = try cached(model)
        if let old, old.revision == revision || old.commit == revision,
            old.damagedFiles(in: folder(for: model)).isEmpty
        {
            return self.model(model, old, wasCached: true)
        }
        let staging = try ModelStaging(model: model, cache: cache)
        let client = HTTPClient(idleTimeout: idleTimeout)
        defer { client.close() }
        let connection = HubConnection(client: client, endpoint: endpoint, token: token, policy: policy)

        let address = url("api/models/\(model)/revision/\(Self.encoded(revision, keepingSlashes: false))")
        let list = address.appending(queryItems: [URLQueryItem(name: "blobs", value: "true")])
        let listing = try HubListing(json: await connection.body(of: list, limit: 32 << 20), from: address)
        let files = try listing.neededFiles(of: model.description)

        let workplace = try staging.workplace(for: listing.commit)
        if let old { staging.reuse(old, from: folder(for: model), into: workplace, listed: files) }
        try staging.checkSpace(for: files, in: workplace)
        let sizes = files.compactMap(\.size)
        progress.begin(
            "Fetching \(model)", total: sizes.count == files.count ? sizes.reduce(0, +) : nil, unit: "bytes")
        defer { progress.end() }
        var done: [ModelManifest.File] = []
        for file in files {
            let path = Self.encoded(file.path, keepingSlashes: true)
            let download = FileDownload(
                file: file, url: url("\(model)/resolve/\(listing.commit)/\(path)"),
                destination: workplace.appending(path: file.path), connection: connection, progress: progress)
            done.append(try await download.run())
        }
        let manifest = ModelManifest(
            model: model.description, revision: revision, commit: listing.commit, files: done)
        try manifest.write(to: workplace)
        try staging.publish(workplace, as: folder(for: model))
        return self.model(model, manifest, wasCached: false)
    }

    /// What an earlier fetch left, or `nil` where there is no folder.
    private func cached(_ model: ModelIdentifier) throws(KuklaError) -> ModelManifest? {
        let folder = folder(for: model)
        guard FileManager.default.fileExists(atPath: folder.path) else { return nil }
        guard let manifest = ModelManifest.read(from: folder), manifest.model == model.description else {
            throw KuklaError(
                .inputOutput,
                "\(folder.path) is there but was not put there by this command (it has no \(ModelManifest.fileName) of "
                    + "\(model)); move it away first, or use it as it is with --model \(folder.path)")
        }
        return manifest
    }

    private func model(_ model: ModelIdentifier, _ manifest: ModelManifest, wasCached: Bool) -> Model {
        Model(
            folder: folder(for: model), commit: manifest.commit, fileCount: manifest.files.count,
            totalBytes: manifest.files.reduce(0) { $0 + $1.size }, wasCached: wasCached)
    }

    private func url(_ path: String) -> URL {
        // Identifiers and paths are percent-encoded before they come here: what fails is our own mistake, not a user's.
        guard let url = URL(string: endpoint.absoluteString + "/" + path) else {
            fatalError("ModelHub: a checked name made no URL: \(path)")
        }
        return url
    }

    private static func encoded(_ text: String, keepingSlashes: Bool) -> String {
        let plain = CharacterSet(
            charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
                + (keepingSlashes ? "/" : ""))
        return text.addingPercentEncoding(withAllowedCharacters: plain) ?? ""
    }
}
