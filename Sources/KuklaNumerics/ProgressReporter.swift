/// Hears how far a long piece of work has come. The command line draws a bar with rate and time left;
/// libraries pass `SilentProgress()` on where their caller gave nothing.
///
/// Calls may come from any thread.
public protocol ProgressReporter: Sendable {
    /// A piece of work begins; `total` units of `unit` ("texts", "vectors", "bytes") where that is known.
    func begin(_ task: String, total: Int?, unit: String)
    /// `count` further units are done.
    func advance(by count: Int)
    /// The piece of work that began last is over.
    func end()
}

/// Tells nobody.
public struct SilentProgress: ProgressReporter {
    public init() {}
    public func begin(_ task: String, total: Int?, unit: String) {}
    public func advance(by count: Int) {}
    public func end() {}
}
