package growth

import (
	"fmt"
	"image/color"
	"io"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// The size of a plot.
const (
	width  = 16 * vg.Centimeter
	height = 10 * vg.Centimeter
	margin = vg.Length(12) // points
)

// paper is the background: opaque, so that the dark text on it is read on a dark
// page as well.
func paper() color.Color { return color.RGBA{0xfa, 0xfa, 0xf7, 0xff} }

// curve is one line of a plot.
type curve struct {
	name   string
	points plotter.XYs
}

// style returns the colour, the dash and the mark of a curve: they differ in all
// three, for those who see no colours (Okabe and Ito's palette).
func style(i int) (color.Color, []vg.Length, draw.GlyphDrawer) {
	colours := []color.Color{
		color.RGBA{0x00, 0x72, 0xb2, 0xff}, color.RGBA{0xd5, 0x5e, 0x00, 0xff},
		color.RGBA{0x00, 0x9e, 0x73, 0xff}, color.RGBA{0x8a, 0x4b, 0x76, 0xff},
	}
	dashes := [][]vg.Length{nil, {vg.Points(6), vg.Points(3)}, {vg.Points(2), vg.Points(2)}, {vg.Points(8), vg.Points(2), vg.Points(2), vg.Points(2)}}
	marks := []draw.GlyphDrawer{draw.CircleGlyph{}, draw.SquareGlyph{}, draw.TriangleGlyph{}, draw.CrossGlyph{}}
	return colours[i%len(colours)], dashes[i%len(dashes)], marks[i%len(marks)]
}

// axes is what a plot says around its curves. x is always logarithmic.
type axes struct {
	title, x, y string
	logY        bool
}

// paint draws the curves as SVG.
func (a axes) paint(w io.Writer, curves []curve) error {
	p := plot.New()
	p.BackgroundColor = paper()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = a.title, a.x, a.y
	p.Title.Padding = vg.Points(6)
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, ticks{plot.LogTicks{Prec: -1}}
	if a.logY {
		p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, ticks{plot.LogTicks{Prec: -1}}
	} else {
		p.Y.Tick.Marker = ticks{plot.DefaultTicks{}}
	}
	grid := plotter.NewGrid()
	grid.Vertical.Color, grid.Horizontal.Color = color.Gray{0xdd}, color.Gray{0xdd}
	p.Add(grid)
	p.Legend.Top, p.Legend.Left, p.Legend.Padding = true, true, vg.Points(2)
	for i, c := range curves {
		line, points, err := plotter.NewLinePoints(c.points)
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		colour, dashes, mark := style(i)
		line.Color, line.Dashes, line.Width = colour, dashes, vg.Points(1.5)
		points.Color, points.Shape, points.Radius = colour, mark, vg.Points(3)
		p.Add(line, points)
		p.Legend.Add(c.name, line, points)
	}
	if !a.logY {
		p.Y.Min = 0
		p.Y.Max *= 1.25 // for the legend
	}
	canvas := vgsvg.NewWith(vgsvg.UseWH(width, height))
	page := draw.New(canvas)
	page.SetColor(paper())
	page.Fill(page.Rectangle.Path())
	p.Draw(draw.Crop(page, margin, -margin, margin, -margin))
	_, err := canvas.WriteTo(w)
	return err
}

// ticks writes the numbers of an axis short: 10k, 1M.
type ticks struct{ plot.Ticker }

// Ticks returns the marks between lowest and highest.
func (t ticks) Ticks(lowest, highest float64) []plot.Tick {
	marks := t.Ticker.Ticks(lowest, highest)
	for i := range marks {
		if v, err := strconv.ParseFloat(marks[i].Label, 64); err == nil {
			marks[i].Label = short(v)
		}
	}
	return marks
}

func short(v float64) string {
	for _, unit := range []struct {
		of   float64
		name string
	}{{1e6, "M"}, {1e3, "k"}} {
		if v >= unit.of {
			return strconv.FormatFloat(v/unit.of, 'g', 4, 64) + unit.name
		}
	}
	return strconv.FormatFloat(v, 'g', 4, 64)
}

func (g Growth) plotCrowdCPU(w io.Writer) error {
	a := axes{title: "CPU of a session, dial to QUIT", x: "sessions at once", y: "CPU per session (µs)"}
	return a.paint(w, curves(g.Crowds, Crowd.name, func(c Crowd) (x, y float64) { return float64(c.Sessions), c.CPU }))
}

func (g Growth) plotCrowdMemory(w io.Writer) error {
	a := axes{title: "Memory of a session that rests", x: "sessions at once", y: "heap and stack per session (kB)"}
	return a.paint(w, curves(g.Crowds, Crowd.name, func(c Crowd) (x, y float64) { return float64(c.Sessions), c.Held / 1000 }))
}

func (g Growth) plotLoadCPU(w io.Writer) error {
	a := axes{title: "CPU of a message, eight sessions at once", x: "content (octets)", y: "CPU per message (µs)", logY: true}
	return a.paint(w, curves(g.Loads, Load.name, func(l Load) (x, y float64) { return float64(l.Octets), l.CPU }))
}

func (g Growth) plotLoadRate(w io.Writer) error {
	a := axes{title: "Content of eight sessions at once", x: "content (octets)", y: "rate (MB/s)", logY: true}
	return a.paint(w, curves(g.Loads, Load.name, func(l Load) (x, y float64) { return float64(l.Octets), l.Rate }))
}

func (c Crowd) name() string { return c.Peer + ", " + c.Place }
func (l Load) name() string  { return l.Peer + ", " + l.Command }

// curves groups points by their names, in the order in which these come.
func curves[T any](of []T, name func(T) string, at func(T) (x, y float64)) []curve {
	var all []curve
	where := map[string]int{}
	for _, point := range of {
		i, ok := where[name(point)]
		if !ok {
			i = len(all)
			where[name(point)] = i
			all = append(all, curve{name: name(point)})
		}
		x, y := at(point)
		all[i].points = append(all[i].points, plotter.XY{X: x, Y: y})
	}
	return all
}
