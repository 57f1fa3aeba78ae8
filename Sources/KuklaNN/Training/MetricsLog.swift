public import Foundation
import KuklaFormats
public import KuklaNumerics

/// A run's `metrics.jsonl`: a JSON object a line, each written at once.
public final class MetricsLog {
    public let url: URL
    private let descriptor: Int32

    /// Opens the log to go on after `step`: lines about later steps, and a line that a kill cut short, are taken away.
    ///
    /// - Returns: the log and the lines that stay.
    static func open(_ url: URL, after step: Int) throws(KuklaError) -> (MetricsLog, [MetricsLine]) {
        var lines: [MetricsLine] = []
        if FileManager.default.fileExists(atPath: url.path) {
            lines = try MetricsLog.lines(of: url).filter { $0.step <= step }
        }
        try AtomicFile.write(lines.map { $0.json + "\n" }.joined(), to: url)
        return (try MetricsLog(url), lines)
    }

    /// The lines of the log at `url`; one that was cut short is left out.
    public static func lines(of url: URL) throws(KuklaError) -> [MetricsLine] {
        guard let data = FileManager.default.contents(atPath: url.path) else {
            throw KuklaError(.missingFile, "Cannot read the metrics log \(url.path): there is no such file.")
        }
        return data.split(separator: UInt8(ascii: "\n")).compactMap { MetricsLine(json: $0) }
    }

    private init(_ url: URL) throws(KuklaError) {
        self.url = url
        descriptor = Foundation.open(url.path, O_WRONLY | O_APPEND | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw KuklaError.whenWriting(url)
        }
    }

    deinit { close(descriptor) }

    func append(_ line: MetricsLine) throws(KuklaError) {
        let bytes = Array((line.json + "\n").utf8)
        var done = 0
        while done < bytes.count {
            let wrote = bytes.withUnsafeBytes {
                write(descriptor, $0.baseAddress! + done, bytes.count - done)
            }
            if wrote < 0 && errno == EINTR { continue }
            guard wrote > 0 else {
                throw KuklaError.whenWriting(url)
            }
            done += wrote
        }
    }

    /// Makes all lines durable.
    func flush() { fsync(descriptor) }
}
