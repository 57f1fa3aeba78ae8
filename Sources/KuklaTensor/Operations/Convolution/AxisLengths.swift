import KuklaNumerics

/// One number for each spatial axis, slowest first: strides, paddings, window lengths. A single number stands for all axes.
///
/// Written as `2` or `[2, 1]`.
public struct AxisLengths: Sendable, Hashable, ExpressibleByIntegerLiteral, ExpressibleByArrayLiteral {
    private let values: [Int]

    /// The same `value` for every axis.
    public init(_ value: Int) { values = [value] }

    /// A value for each axis.
    public init(_ values: [Int]) { self.values = values }

    public init(integerLiteral value: Int) { values = [value] }
    public init(arrayLiteral elements: Int...) { values = elements }

    /// The values for `rank` axes, each `minimum` at least; traps with `operation` otherwise.
    package func expanded(rank: Int, minimum: Int, _ name: StaticString, operation: StaticString) -> [Int] {
        contract(
            values.count == rank || values.count == 1,
            "\(operation): \(name) \(values) for \(rank) spatial axes")
        contract(
            values.allSatisfy { $0 >= minimum },
            "\(operation): \(name) \(values), expected \(minimum) or more")
        return values.count == rank ? values : [Int](repeating: values[0], count: rank)
    }
}
