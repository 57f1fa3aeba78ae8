import Foundation
import KuklaNumerics

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// Fetches one file into a staging folder: resumed where it stopped, checked before it gets its name.
struct FileDownload: Sendable {
    let file: HubListing.File
    let url: URL
    /// Where the file ends up; `.partial` is added while it is incomplete.
    let destination: URL
    let connection: HubConnection
    let progress: any ProgressReporter

    private var partial: URL { destination.appendingPathExtension("partial") }
    private var etagFile: URL { destination.appendingPathExtension("partial-etag") }

    /// Fetches the file unless it lies there already, and says what arrived.
    func run() async throws(KuklaError) -> ModelManifest.File {
        let meter = Meter(progress)
        if let size = FileDigest.size(of: destination) {
            if let done = try check(destination, size: size) {
                meter.reach(size)
                return done
            }
            remove(destination)
        }
        do {
            try FileManager.default.createDirectory(
                at: destination.deletingLastPathComponent(), withIntermediateDirectories: true)
        } catch {
            throw KuklaError(
                .inputOutput, "could not make the folder \(destination.deletingLastPathComponent().path)",
                cause: error)
        }
        var failures = 0
        var mismatches = 0
        while true {
            let offset = resumeOffset()
            if let size = file.size, size > 0, offset == size {
                if let done = try finish() { return done }
                mismatches += 1
                guard mismatches < 2 else { throw mismatch }
                continue
            }
            let sink = FileSink(
                partial: partial, etagFile: etagFile, file: file, offset: offset, meter: meter)
            let verdict = await connection.attempt(url, headers: headers(from: offset), to: sink)
            try sink.close()
            switch verdict {
            case .failed(let error):
                guard sink.mustStartOver else { throw error }
                failures += 1
                discard()
                try await connection.pause(after: failures, reason: error.message, serverAsks: nil, url: url)
            case .done(let response) where response.statusCode == 416:
                // Nothing left after our offset: the whole file is there, or it is another file by now.
                failures += 1
                if file.size == nil, offset > 0, sink.totalSize == offset, let done = try finish() {
                    return done
                }
                discard()
                try await connection.pause(
                    after: failures, reason: "the server has no such part of the file", serverAsks: nil,
                    url: url)
            case .done:
                let arrived = FileDigest.size(of: partial) ?? 0
                if let expected = file.size ?? sink.totalSize, arrived < expected {
                    failures = sink.hasProgress ? 1 : failures + 1
                    try await connection.pause(
                        after: failures, reason: "the connection was cut", serverAsks: nil, url: url)
                    continue
                }
                if let done = try finish() { return done }
                mismatches += 1
                guard mismatches < 2 else { throw mismatch }
            case .retry(let reason, let after):
                failures = sink.hasProgress ? 1 : failures + 1
                try await connection.pause(after: failures, reason: reason, serverAsks: after, url: url)
            }
        }
    }

    // MARK: - Steps

    /// How many bytes of the partial file can be built on.
    private func resumeOffset() -> Int {
        guard let size = FileDigest.size(of: partial), size > 0 else { return 0 }
        let isTooLong = file.size.map { size > $0 } ?? false
        // Without a checksum only the ETag can tell that the rest belongs to what we have.
        let canBeTold = file.sha256 != nil || file.gitBlob != nil || etag != nil
        if isTooLong || !canBeTold {
            discard()
            return 0
        }
        return size
    }

    private var etag: String? {
        guard let text = try? String(contentsOf: etagFile, encoding: .utf8), !text.isEmpty else { return nil }
        return text
    }

    private func headers(from offset: Int) -> [String: String] {
        guard offset > 0 else { return [:] }
        var headers = ["Range": "bytes=\(offset)-"]
        if let etag { headers["If-Range"] = etag }
        return headers
    }

    /// Checks the partial file and gives it its name; `nil`, and the file gone, where it is not what was listed.
    private func finish() throws(KuklaError) -> ModelManifest.File? {
        guard let done = try check(partial, size: FileDigest.size(of: partial) ?? 0) else {
            discard()
            return nil
        }
        do {
            try FileManager.default.moveItem(at: partial, to: destination)
        } catch {
            throw KuklaError(.inputOutput, "could not rename \(partial.path)", cause: error)
        }
        remove(etagFile)
        return done
    }

    /// What a file is, or `nil` where it is not what the hub lists.
    private func check(_ url: URL, size: Int) throws(KuklaError) -> ModelManifest.File? {
        guard file.size.map({ $0 == size }) ?? true else { return nil }
        let digest = try FileDigest(of: url, expecting: size, withGitBlob: file.gitBlob != nil)
        guard file.sha256.map({ $0 == digest.sha256 }) ?? true,
            file.gitBlob.map({ $0 == digest.gitBlob }) ?? true
        else { return nil }
        return ModelManifest.File(path: file.path, size: size, sha256: digest.sha256)
    }

    private var mismatch: KuklaError {
        KuklaError(
            .badData,
            "\(file.path) arrived twice with a checksum other than the hub lists (expected "
                + "\(file.sha256 ?? file.gitBlob ?? "its size")). Something between here and the hub changes it; "
                + "try another network or endpoint.")
    }

    private func discard() {
        remove(partial)
        remove(etagFile)
    }

    private func remove(_ url: URL) { try? FileManager.default.removeItem(at: url) }
}

/// Reports bytes once, however often a part of a file is fetched again.
final class Meter: @unchecked Sendable {  // used by one transfer at a time
    private let progress: any ProgressReporter
    private var reported = 0

    init(_ progress: any ProgressReporter) { self.progress = progress }

    func reach(_ position: Int) {
        guard position > reported else { return }
        progress.advance(by: position - reported)
        reported = position
    }
}
