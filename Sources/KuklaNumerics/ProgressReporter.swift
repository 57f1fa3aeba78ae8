/// Hears how far a long piece of work has come. The command line draws a bar with rate and time left;
/// libraries pass `SilentProgress()` on where their caller gave nothing.
///
/// Calls may come from any thread.
public protocol ProgressReporter: Sendable {
    /// A piece of work begins; `total` units of `unit` ("texts", "vectors", "bytes") where that is known.
    func begin(_ task: String, total: Int?, unit: String)
    /// A piece of work goes on of which `done` units were done before, by a run that was stopped.
    func resume(_ task: String, done: Int, total: Int?, unit: String)
    /// `count` further units are done.
    func advance(by count: Int)
    /// How the work stands, to be shown beside how far it is: `loss 0.0312  1,240 examples/s`.
    func show(_ state: String)
    /// Something that happened and is worth a line of its own.
    func announce(_ event: String)
    /// The piece of work that began last is over.
    func end()
}

extension ProgressReporter {
    public func resume(_ task: String, done: Int, total: Int?, unit: String) {
        begin(task, total: total, unit: unit)
        advance(by: done)
    }
    public func show(_ state: String) {}
    public func announce(_ event: String) {}
}

/// Tells nobody.
public struct SilentProgress: ProgressReporter {
    public init() {}
    public func begin(_ task: String, total: Int?, unit: String) {}
    public func advance(by count: Int) {}
    public func end() {}
}
