/// A failure caused by the world: a file, an argument, a network answer, the data themselves.
///
/// The message has four parts, in one or two sentences: what was attempted, what was expected, what
/// was found, and what to do. The command line prints it as it is and exits with `code.exitStatus`.
public struct KuklaError: Error, Sendable, CustomStringConvertible {
    /// What kind of failure it is, for callers that react to it.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Kind: String {
            case usage, badData, missingFile, inputOutput, unsupported, cancelled, network
        }
        private let kind: Kind

        /// The request makes no sense: an unknown factory word, k over the count, a budget nothing fits.
        public static let usage = Code(kind: .usage)
        /// The bytes are not what their format or their header says.
        public static let badData = Code(kind: .badData)
        /// A file or folder that is needed is not there.
        public static let missingFile = Code(kind: .missingFile)
        /// The operating system refused: permission, a full disk, a read error.
        public static let inputOutput = Code(kind: .inputOutput)
        /// Valid, but not something this version can do.
        public static let unsupported = Code(kind: .unsupported)
        /// Stopped on request.
        public static let cancelled = Code(kind: .cancelled)
        /// A remote answer was missing, cut or refused.
        public static let network = Code(kind: .network)

        public var description: String { kind.rawValue }
        /// 64 for usage (sysexits' EX_USAGE), 130 for an interrupt, 2 for every other failure.
        public var exitStatus: Int32 {
            switch kind {
            case .usage: 64
            case .cancelled: 130
            default: 2
            }
        }
    }

    public let code: Code
    public let message: String
    public let cause: (any Error)?

    public init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    public var description: String {
        guard let cause else { return message }
        return "\(message) (\(cause))"
    }
}

/// Stops the program with the values that broke a caller's promise.
///
/// For programmer errors only, never for data. Unlike `precondition`, the message survives `-O`.
@inlinable
public func contract(
    _ condition: @autoclosure () -> Bool, _ message: @autoclosure () -> String,
    file: StaticString = #fileID, line: UInt = #line
) {
    if !condition() { fatalError(message(), file: file, line: line) }
}
