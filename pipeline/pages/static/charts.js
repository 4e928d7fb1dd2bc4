// Draws what a panel's `data-chart` holds with uPlot; figures beside it in a table are there without any script.
"use strict";
(() => {
  const COLOURS = ["--line-1", "--line-2", "--line-3", "--line-4", "--line-5"];
  // a figure stands at the Monday with which its week begins, so the last week is to the right of its figure
  const HEIGHT = 230, WEEK = 7 * 86400;
  const charts = new Map();
  // a canvas knows no variables: an element is asked what the colour is where they are resolved
  const probe = document.createElement("i");
  document.body.append(probe);
  probe.hidden = true;
  const style = (name) => { probe.style.color = `var(${name})`; return getComputedStyle(probe).color; };

  function told(value, unit) {
    if (value === null || value === undefined) return "–";
    if (unit === "share") return (100 * value).toFixed(1) + " %";
    if (unit === "hours") {
      if (Math.abs(value) < 1) return Math.round(value * 60) + " min";
      return Math.abs(value) < 48 ? value.toFixed(1) + " h" : (value / 24).toFixed(1) + " d";
    }
    return (+value.toFixed(2)).toLocaleString("en");
  }

  // what happened meanwhile: a line for each of a few, else ticks above the figures, each kind in a row of its own
  const MARKS = { red: "--bad", orange: "--line-2", blue: "--line-1" };
  const LINES_MAX = 30, TICK = 6;
  function mark(plot) {
    const told = document.getElementById("meanwhile");
    if (!told) return;
    const { ctx, bbox } = plot, ratio = uPlot.pxRatio;
    ctx.save();
    ctx.lineWidth = ratio;
    JSON.parse(told.dataset.marks).forEach((kind, row) => {
      const many = kind.colour === "blue" || kind.times.length > LINES_MAX;
      ctx.strokeStyle = style(MARKS[kind.colour]);
      ctx.globalAlpha = 0.7;
      ctx.beginPath();
      for (const time of kind.times) {
        const x = Math.round(plot.valToPos(time, "x", true));
        if (x < bbox.left || x > bbox.left + bbox.width) continue;
        ctx.moveTo(x, bbox.top + (many ? row * TICK * ratio : 0));
        ctx.lineTo(x, many ? bbox.top + (row * TICK + TICK - 1) * ratio : bbox.top + bbox.height);
      }
      ctx.stroke();
    });
    ctx.restore();
  }

  const day = (seconds) => new Date(seconds * 1000).toISOString().slice(0, 10);

  // bars stand on one another: each series is drawn as the sum of those below it and its own
  function stacked(series) {
    let below = null;
    return series.map((one) => {
      below = one.values.map((value, i) => (value ?? 0) + (below ? below[i] : 0));
      return below;
    });
  }

  function options(chart, shown, width) {
    const bars = chart.form === "bars";
    const ink = style("--ink-soft"), grid = style("--grid");
    const unit = shown[0].unit;
    const axis = { stroke: ink, font: "12px system-ui, sans-serif", grid: { stroke: grid, width: 1 }, ticks: { stroke: grid, width: 1 } };
    return {
      width, height: HEIGHT, tzDate: (ts) => uPlot.tzDate(new Date(ts * 1e3), "Etc/UTC"),
      cursor: { y: false, points: { size: 7 } },
      legend: { live: true },
      hooks: { draw: [mark] },
      scales: { x: { time: true, range: (_, low, high) => [low, high + WEEK] }, y: { range: (_, low, high) => [Math.min(0, low), high > 0 ? high * 1.12 : 1] } },
      axes: [
        { ...axis, values: (_, ticks) => ticks.map(day), space: 90 },
        { ...axis, values: (_, ticks) => ticks.map((tick) => told(tick, unit)), size: 64 },
      ],
      series: [
        { label: "Week", value: (_, v) => (v === null ? "–" : day(v)) },
        ...shown.map((one, i) => ({
          label: one.title,
          stroke: style(COLOURS[i % COLOURS.length]),
          fill: bars ? style(COLOURS[i % COLOURS.length]) : undefined,
          width: bars ? 0 : 2,
          dash: !bars && i > 0 ? [[6, 3], [2, 3], [9, 3, 2, 3]][(i - 1) % 3] : undefined,
          paths: bars ? uPlot.paths.bars({ size: [0.7, 40], align: 1 }) : undefined,
          points: { show: !bars, size: 5 },
          spanGaps: false,
          value: (_, __, ___, at) => told(at === null ? null : one.values[at], one.unit),
        })),
        ...chart.series.filter((one) => !one.drawn).map((one) => ({
          label: one.title, show: true, scale: "n", stroke: "transparent", width: 0, points: { show: false },
          value: (_, __, ___, at) => told(at === null ? null : one.values[at], one.unit),
        })),
      ],
    };
  }

  function draw(box) {
    const chart = JSON.parse(box.dataset.chart);
    let shown = chart.series.filter((one) => one.drawn);
    let columns = shown.map((one) => one.values);
    if (chart.form === "bars") {
      // the highest first, so that those in front of it stay seen
      columns = stacked(shown).reverse();
      shown = [...shown].reverse();
    }
    const others = chart.series.filter((one) => !one.drawn).map((one) => one.values);
    const width = Math.max(240, box.clientWidth);
    charts.get(box)?.destroy();
    const plot = new uPlot(options(chart, shown, width), [chart.times, ...columns, ...others], box);
    charts.set(box, plot);
    box.dataset.drawn = "yes";
  }

  function drawAll(root) {
    for (const box of root.querySelectorAll(".chart[data-chart]")) draw(box);
  }

  function forget(root) {
    for (const [box, plot] of charts) {
      if (root.contains(box)) { plot.destroy(); charts.delete(box); }
    }
  }

  new ResizeObserver(() => {
    for (const [box, plot] of charts) {
      const width = Math.max(240, box.clientWidth);
      if (width !== plot.width) plot.setSize({ width, height: HEIGHT });
    }
  }).observe(document.documentElement);

  window.charts = { drawAll, forget };
  drawAll(document);
  performance.mark("drawn");
})();
