import Foundation
import KuklaFormats
public import Logging

/// Writes log entries as JSON, one a line, to standard error: for what collects logs.
public struct JSONLogHandler: LogHandler {
    public var metadata: Logger.Metadata = [:]
    public var logLevel = Logger.Level.info
    private let label: String

    public init(label: String) { self.label = label }

    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    public func log(event: LogEvent) {
        var writer = JSONWriter()
        writer.object { entry in
            entry.member("time", Date().formatted(.iso8601.time(includingFractionalSeconds: true)))
            entry.member("level", event.level.rawValue)
            entry.member("logger", label)
            entry.member("message", event.message.description)
            for (key, value) in metadata.merging(event.metadata ?? [:], uniquingKeysWith: { $1 }).sorted(by: {
                $0.key < $1.key
            }) {
                entry.member(key) { Self.write(value, &$0) }
            }
        }
        FileHandle.standardError.write(Data(writer.bytes + [UInt8(ascii: "\n")]))
    }

    private static func write(_ value: Logger.MetadataValue, _ writer: inout JSONWriter) {
        switch value {
        case .string(let text): writer.value(text)
        case .stringConvertible(let number as Int): writer.value(number)
        case .stringConvertible(let number as Double): writer.value(number)
        case .stringConvertible(let other): writer.value(other.description)
        case .array(let values): writer.array(values) { write($1, &$0) }
        case .dictionary(let members):
            writer.object { object in
                for (key, value) in members.sorted(by: { $0.key < $1.key }) {
                    object.member(key) { write(value, &$0) }
                }
            }
        }
    }
}
