public import KuklaFormats

/// A picture beside a study's page.
public struct StudyChart: Sendable {
    /// The file's name without its end, such as `recall`.
    public var name: String
    /// What it shows, in words.
    public var title: String
    public var chart: any Chart

    public init(_ name: String, title: String, chart: any Chart) {
        self.name = name
        self.title = title
        self.chart = chart
    }
}
