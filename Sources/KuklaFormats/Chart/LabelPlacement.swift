/// Puts labels beside points so that no label covers a point or another label.
package struct LabelPlacement {
    package struct Box: Equatable {
        package var x: Double, y: Double, width: Double, height: Double

        package init(x: Double, y: Double, width: Double, height: Double) {
            (self.x, self.y, self.width, self.height) = (x, y, width, height)
        }

        func overlaps(_ other: Box) -> Bool {
            x < other.x + other.width && other.x < x + width && y < other.y + other.height
                && other.y < y + height
        }

        /// The square of the distance from a point to the box.
        func squaredDistance(to px: Double, _ py: Double) -> Double {
            let dx = max(x - px, 0, px - x - width)
            let dy = max(y - py, 0, py - y - height)
            return dx * dx + dy * dy
        }

        func isInside(_ other: Box) -> Bool {
            x >= other.x && y >= other.y && x + width <= other.x + other.width
                && y + height <= other.y + other.height
        }
    }

    /// One label's place.
    package struct Place {
        package var box: Box
        /// Whether another point is nearer to the label than its own: a line must then say whose it is.
        package var isAmbiguous: Bool
    }

    /// Labels must lie in here.
    let frame: Box
    /// What no label may cover: points, and labels placed so far.
    private(set) var occupied: [Box]
    /// What a label would rather not cover: lines.
    let lines: [Box]
    private let points: [Box]

    package init(frame: Box, points: [Box], lines: [Box]) {
        self.frame = frame
        occupied = points
        self.points = points
        self.lines = lines
    }

    /// The place of a label of that size near `(x, y)`, now taken, or `nil` where there is none.
    ///
    /// Tries growing rings of eight directions; of each ring the place that crosses fewest lines wins, and a
    /// nearer place with a line through it loses to a clear one farther out, as does a place that lies
    /// nearer to another point. O(places · boxes).
    package mutating func place(width: Double, height: Double, near x: Double, _ y: Double) -> Place? {
        var best: (cost: Double, place: Place)?
        for (ring, distance) in [9.0, 14, 20, 30, 44, 60].enumerated() {
            for (direction, (dx, dy)) in Self.directions.enumerated() {
                let box = Box(
                    x: x + dx * distance - (dx < 0 ? width : dx > 0 ? 0 : width / 2),
                    y: y + dy * distance - (dy < 0 ? height : dy > 0 ? 0 : height / 2),
                    width: width, height: height)
                guard box.isInside(frame), !occupied.contains(where: box.overlaps) else { continue }
                let crossings = Double(lines.count(where: box.overlaps))
                let own = box.squaredDistance(to: x, y)
                let isAmbiguous = points.contains {
                    let (px, py) = ($0.x + $0.width / 2, $0.y + $0.height / 2)
                    return (px != x || py != y) && box.squaredDistance(to: px, py) < own * 1.2 + 4
                }
                let cost =
                    crossings * 25 + (isAmbiguous ? 45 : 0) + Double(ring) * 8 + Double(direction) * 0.5
                if cost < best?.cost ?? .infinity { best = (cost, Place(box: box, isAmbiguous: isAmbiguous)) }
            }
        }
        if let box = best?.place.box { occupied.append(box) }
        return best?.place
    }

    /// Right, left, above, below, then the corners.
    private static let directions: [(Double, Double)] = [
        (1, 0), (-0.7, -0.7), (0.7, 0.7), (-1, 0), (0, -1), (0, 1), (0.7, -0.7), (-0.7, 0.7),
    ]

    /// About how wide sans-serif text of that size is, taken from a wide face (DejaVu Sans).
    package static func width(of text: String, size: Double) -> Double {
        let ems = text.reduce(0.0) { sum, character in
            switch character {
            case "i", "j", "l", "t", "f", "r", ".", ",", ":", "'", "|", "!", "(", ")", "I", " ": sum + 0.38
            case "m", "w", "M", "W", "%": sum + 0.95
            case "A"..."Z": sum + 0.68
            default: sum + 0.62 * Double(TextTable.width(of: String(character)))
            }
        }
        return ems * size + 4
    }

    /// `text` in lines of at most `width`, broken between words; a longer word has a line of its own.
    package static func lines(of text: String, size: Double, width limit: Double) -> [String] {
        var lines: [String] = []
        for word in text.split(separator: " ") {
            if let last = lines.last, width(of: "\(last) \(word)", size: size) <= limit {
                lines[lines.count - 1] = "\(last) \(word)"
            } else {
                lines.append(String(word))
            }
        }
        return lines
    }
}
