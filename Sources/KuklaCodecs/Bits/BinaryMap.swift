package import KuklaNumerics

/// A linear map, optionally with a branch of one hidden layer beside it: `x W' + b + relu(x H' + c) V'`.
///
/// What a recurrent binary codec is made of. A batch norm between hidden layer and `relu` is folded into `H` and `c`.
package struct BinaryMap: Sendable {
    /// The branch: hidden weight `[h, in]`, hidden bias of h numbers, output `[out, h]`.
    package struct Branch: Sendable {
        package let hidden: Matrix
        package let bias: [Float]
        package let output: Matrix

        package init(hidden: Matrix, bias: [Float], output: Matrix) {
            self.hidden = hidden
            self.bias = bias
            self.output = output
        }
    }

    /// `[out, in]`.
    package let weight: Matrix
    package let bias: [Float]
    package let branch: Branch?

    package init(weight: Matrix, bias: [Float], branch: Branch? = nil) {
        self.weight = weight
        self.bias = bias
        self.branch = branch
    }

    /// Rows `[n, in]` to rows `[n, out]`.
    func callAsFunction(_ x: Matrix) -> Matrix {
        var result = x.multiplied(by: weight, transposed: true, threads: 1)
        result.addToRows(bias, times: 1)
        guard let branch else { return result }
        var hidden = x.multiplied(by: branch.hidden, transposed: true, threads: 1)
        hidden.addToRows(branch.bias, times: 1)
        hidden.withUnsafeMutableBufferPointer { for i in $0.indices where $0[i] < 0 { $0[i] = 0 } }
        let added = hidden.multiplied(by: branch.output, transposed: true, threads: 1)
        result.withUnsafeMutableBufferPointer { sum in
            added.withUnsafeBufferPointer { for i in sum.indices { sum[i] += $0[i] } }
        }
        return result
    }

    /// `NAME.weight` and `NAME.bias`, with a branch also `NAME.hidden.weight`, `NAME.hidden.bias` and
    /// `NAME.output.weight`.
    func parameters(_ name: String) -> [String: Matrix] {
        func row(_ values: [Float]) -> Matrix { Matrix(rows: 1, columns: values.count, elements: values) }
        var all = [name + ".weight": weight, name + ".bias": row(bias)]
        if let branch {
            all[name + ".hidden.weight"] = branch.hidden
            all[name + ".hidden.bias"] = row(branch.bias)
            all[name + ".output.weight"] = branch.output
        }
        return all
    }

    /// The map that `parameters(name)` gave.
    init(_ name: String, inputs: Int, outputs: Int, from reader: ParameterReader) throws(KuklaError) {
        weight = try reader.matrix(name + ".weight", rows: outputs, columns: inputs)
        bias = try reader.vector(name + ".bias", count: outputs)
        let parts = [".hidden.weight", ".hidden.bias", ".output.weight"].map { name + $0 }
        guard parts.contains(where: { reader.rows(of: $0) != nil }) else {
            branch = nil
            return
        }
        let width = reader.rows(of: parts[0]) ?? 0
        branch = Branch(
            hidden: try reader.matrix(parts[0], rows: width, columns: inputs),
            bias: try reader.vector(parts[1], count: width),
            output: try reader.matrix(parts[2], rows: outputs, columns: width))
    }
}
