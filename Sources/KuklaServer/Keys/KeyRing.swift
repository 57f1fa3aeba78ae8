public import Foundation
import KuklaFormats
public import KuklaNumerics

/// The keys of a server: a JSON file that is replaced whole, and read again when it has changed.
public final class KeyRing: Sendable {
    private struct File: Codable {
        var keys: [APIKey]
    }

    private struct State {
        var keys: [APIKey]
        /// Of the file when it was read, to see that it has changed.
        var version: Version?
        var looked: ContinuousClock.Instant
    }

    private struct Version: Hashable {
        var modified: Date?
        var file: UInt64?
    }

    private let url: URL
    private let state: Guarded<State>

    /// The keys in the file `url`; none where it is not there.
    ///
    /// - Throws: `KuklaError.badData` where the file is not of this form.
    public init(_ url: URL) throws(KuklaError) {
        self.url = url
        let version = Self.version(of: url)
        state = Guarded(State(keys: try Self.read(url), version: version, looked: .now))
    }

    public var keys: [APIKey] { state.withLock(\.keys) }

    /// Adds a key. The file is readable by its owner only.
    public func add(_ key: APIKey) throws(KuklaError) { try change { $0.append(key) } }

    /// Removes the key of this id; false where there is none.
    public func remove(_ id: String) throws(KuklaError) -> Bool {
        let isThere = keys.contains { $0.id == id }
        if isThere { try change { keys in keys.removeAll { $0.id == id } } }
        return isThere
    }

    /// Who holds the secret.
    ///
    /// - Throws: `APIFailure.authentication` where no key fits or the one that does has expired.
    func principal(holding secret: String, now: Date) throws(APIFailure) -> Principal {
        refresh()
        let hash = APIKey.hash(of: secret)
        var found: APIKey?
        // All are compared: which one fits does not show in the time.
        for key in keys where key.matches(hash: hash) { found = key }
        guard let found else {
            throw APIFailure(
                .authentication, "The API key is not one of this server's.", code: "invalid_api_key")
        }
        if let expires = found.expires, expires <= now {
            throw APIFailure(
                .authentication, "The API key '\(found.id)' has expired.", code: "expired_api_key")
        }
        return found.principal
    }

    /// Reads the file again where it has changed, at most once a second. A file that cannot be read leaves the keys as they are.
    private func refresh() {
        let isDue = state.withLock { state in
            guard state.looked.duration(to: .now) > .seconds(1) else { return false }
            state.looked = .now
            return true
        }
        guard isDue else { return }
        let version = Self.version(of: url)
        guard version != state.withLock(\.version), let keys = try? Self.read(url) else { return }
        state.withLock { state in
            state.keys = keys
            state.version = version
        }
    }

    private func change(_ body: (inout [APIKey]) -> Void) throws(KuklaError) {
        var file = File(keys: try Self.read(url))
        body(&file.keys)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        encoder.dateEncodingStrategy = .iso8601
        let text: String
        do { text = String(decoding: try encoder.encode(file), as: UTF8.self) } catch {
            throw KuklaError(.badData, "Cannot write the keys to \(url.path).", cause: error)
        }
        try AtomicFile.write(text + "\n", to: url)
        chmod(url.path, 0o600)
        let (keys, version) = (file.keys, Self.version(of: url))
        state.withLock { state in
            state.keys = keys
            state.version = version
        }
    }

    private static func read(_ url: URL) throws(KuklaError) -> [APIKey] {
        guard FileManager.default.fileExists(atPath: url.path) else { return [] }
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .iso8601
        do { return try decoder.decode(File.self, from: Data(contentsOf: url)).keys } catch {
            throw KuklaError(
                .badData,
                "Cannot read the keys in \(url.path): they are not as `kukla keys` writes them. Restore the file, or make new keys.",
                cause: error)
        }
    }

    private static func version(of url: URL) -> Version {
        let attributes = try? FileManager.default.attributesOfItem(atPath: url.path)
        return Version(
            modified: attributes?[.modificationDate] as? Date,
            file: (attributes?[.systemFileNumber] as? NSNumber)?.uint64Value)
    }
}
