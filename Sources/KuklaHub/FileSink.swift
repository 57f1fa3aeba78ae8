import Foundation
import KuklaNumerics

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// Writes an answer to a partial file: behind what is there where the server sends the rest, else from the start.
final class FileSink: ResponseSink, @unchecked Sendable {  // calls come one after another
    private let partial: URL
    private let etagFile: URL
    private let file: HubListing.File
    private let offset: Int
    private let meter: Meter
    private var handle: FileHandle?
    private var position = 0
    private var received = 0

    /// The whole file's size as the server says it.
    private(set) var totalSize: Int?
    /// The server's file is not the one that the partial file began: it must go.
    private(set) var mustStartOver = false
    /// Whether enough arrived that the next failure counts as the first.
    var hasProgress: Bool { received >= 1 << 16 }

    init(partial: URL, etagFile: URL, file: HubListing.File, offset: Int, meter: Meter) {
        self.partial = partial
        self.etagFile = etagFile
        self.file = file
        self.offset = offset
        self.meter = meter
    }

    func begin(_ response: HTTPURLResponse) throws(KuklaError) {
        switch response.statusCode {
        case 200:
            // Also where a range was asked for: the server does not know ranges, or the file has changed.
            position = 0
            totalSize = Self.length(response)
        case 206:
            let (start, total) = Self.range(response)
            totalSize = total
            guard start == offset, total == nil || file.size == nil || total == file.size else {
                mustStartOver = true
                throw KuklaError(.network, "the server sent another part of \(file.path) than was asked for")
            }
            position = offset
        case 416:
            totalSize = Self.range(response).total
            return
        default: return  // An error's body is no part of the file.
        }
        if let size = file.size, let totalSize, totalSize > size {
            throw KuklaError(
                .badData,
                "\(file.path) should have \(size) bytes by the hub's list, but \(totalSize) were sent")
        }
        do {
            if !FileManager.default.fileExists(atPath: partial.path) { try Data().write(to: partial) }
            let handle = try FileHandle(forWritingTo: partial)
            try handle.truncate(atOffset: UInt64(position))
            self.handle = handle
            // A weak ETag does not promise equal bytes, so it cannot guard a resumed transfer.
            if let etag = response.value(forHTTPHeaderField: "ETag"), etag.hasPrefix("\""),
                etag.utf8.count < 256
            {
                try Data(etag.utf8).write(to: etagFile)
            } else {
                try? FileManager.default.removeItem(at: etagFile)
            }
        } catch {
            throw writeError(error)
        }
    }

    func receive(_ data: Data) throws(KuklaError) {
        guard let handle else { return }
        if let size = file.size, position + data.count > size {
            throw KuklaError(
                .badData,
                "\(file.path) should have \(size) bytes by the hub's list, but the server sends more")
        }
        do {
            try handle.write(contentsOf: data)
        } catch {
            throw writeError(error)
        }
        position += data.count
        received += data.count
        meter.reach(position)
    }

    /// Makes what arrived durable.
    func close() throws(KuklaError) {
        guard let handle else { return }
        do {
            try handle.synchronize()
            try handle.close()
        } catch {
            throw writeError(error)
        }
        self.handle = nil
    }

    private func writeError(_ error: any Error) -> KuklaError {
        KuklaError(
            .inputOutput,
            "could not write \(partial.path) after \(position) bytes; is the disk full, or the folder read-only? What "
                + "has arrived is kept, and the next try goes on from there.", cause: error)
    }

    private static func length(_ response: HTTPURLResponse) -> Int? {
        guard response.value(forHTTPHeaderField: "Content-Encoding") == nil else { return nil }
        return response.value(forHTTPHeaderField: "Content-Length").flatMap { Int($0) }
    }

    /// `Content-Range: bytes START-END/TOTAL` or `bytes */TOTAL`.
    private static func range(_ response: HTTPURLResponse) -> (start: Int?, total: Int?) {
        guard let text = response.value(forHTTPHeaderField: "Content-Range"),
            let match = text.wholeMatch(of: /bytes (?:([0-9]+)-[0-9]+|\*)\/([0-9]+|\*)/)
        else { return (nil, nil) }
        return (match.1.flatMap { Int($0) }, Int(match.2))
    }
}
